"""Bodies that hardly anybody sends: none may be an error of the server's, or lose its answer."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.server.responses.strict import check_response, check_stream, read_events

SHORT = '"model":"demo","max_output_tokens":30'
ANSWERED = [
    '"input":"x","instructions":"half a character: \\ud83d"',
    '"input":"\\ud800"',
    '"input":"x","metadata":{"\\ud800":"\\ud800"}',
    '"input":""',
    '"input":[{"role":"system","content":"only"}]',
    '"input":[{"role":"user","content":[]}]',
    '"input":[{"role":"assistant","content":"I"},{"role":"assistant","content":"go on"}]',
    '"input":[{"type":"function_call","call_id":"a","name":"\\u0000 odd é","arguments":"x"},'
    '{"type":"function_call_output","call_id":"a","output":[1,null,{"type":"x"}]}]',
    '"input":[{"type":"function_call","call_id":"a","name":"f","arguments":""}]',
    '"input":[{"type":"shell_call","call_id":"a","action":{"commands":3}},'
    '{"type":"shell_call_output","call_id":"a","output":[3]}]',
    '"input":[{"type":"code_interpreter_call","id":"a","code":"x","outputs":[3]}]',
    '"input":[{"type":"reasoning","id":"a","summary":[{"type":"summary_text","text":"x"}],'
    '"status":null,"content":null,"encrypted_content":null}]',
    '"input":"x","include":["nonsense"],"unknown":{"a":[1]}',
    '"input":"x","tools":[{"type":"function","name":"a b.c-é","parameters":{}},'
    '{"type":"namespace","name":"n n","tools":[{"type":"function","name":"' + "x" * 80 + '"}]}],'
    '"tool_choice":"required"',
    '"input":"x","top_p":0',
    '"input":"x","temperature":null,"tools":null,"text":null,"reasoning":null,"metadata":null,'
    '"store":null,"stream":null,"include":null,"instructions":null,"tool_choice":null,'
    '"truncation":null,"previous_response_id":null,"parallel_tool_calls":null,"background":null',
]
REFUSED = [
    '"input":"x","previous_response_id":"\\ud800"',
    '"input":[{"type":"item_reference","id":"\\ud800"}]',
    '"input":[{"type":"reasoning","id":"a","summary":[],"encrypted_content":"\\ud800"}]',
    '"input":"x","tools":[{"type":"function","name":"f","parameters":{"a":NaN}}]',
    '"input":"x","tools":[{"type":"web_search","a":1e999}]',
    '"input":"x","temperature":1e999',
    '"input":"x","max_output_tokens":99999999999999999999',
    '"input":[{"type":"function_call_output","call_id":"nobody","output":"x"}]',
    '"input":[]',
    '"input":"x","text":{"format":{"type":"json_schema","name":"x","schema":{"not":{}}}}',
    '"input":"x","tools":[{"type":"custom","name":"c","format":'
    '{"type":"grammar","syntax":"lark","definition":"start: ("}}]',
    '"input":"x","tools":{"a":1}',
    '"input":' + "[" * 100 + "]" * 100,
]
PATHS = [
    "%ED%A0%80",
    "a%00b",
    "%FF",
    "x/input_items?limit=99999999999999999999999",
    "x?stream=maybe",
    "x" * 3000,
]


@pytest.mark.parametrize("fields", ANSWERED)
def test_odd_requests_are_answered(client: TestClient, fields: str) -> None:
    whole = client.post("/v1/responses", content=f"{{{SHORT},{fields}}}")
    assert whole.status_code == 200, whole.text
    check_response(whole.json())
    streamed = client.post("/v1/responses", content=f'{{{SHORT},"stream":true,{fields}}}')
    if '"stream":null' not in fields:
        check_stream(read_events(streamed.text.split("\n")))
    kept = client.get(f"/v1/responses/{whole.json()['id']}")
    assert kept.json() == whole.json()
    assert client.get(f"/v1/responses/{whole.json()['id']}/input_items").status_code == 200


@pytest.mark.parametrize("fields", REFUSED)
def test_impossible_requests_are_refused(client: TestClient, fields: str) -> None:
    for stream in ("", '"stream":true,'):
        answer = client.post("/v1/responses", content=f"{{{SHORT},{stream}{fields}}}")
        assert answer.status_code in (400, 404), answer.text
        assert "Try:" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
def test_odd_paths_are_not_found(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/responses/{path}").status_code == 404
