"""Real streams, event by event, against OpenAI's document."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.running import Running
from tests.server.openapi.order import check_order
from tests.server.openapi.schema import check, check_event
from tests.server.openapi.sse import TIMEOUT, events

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
WEATHER = {"name": "get_weather", "description": "Gets the weather.", "parameters": CITY}
FUNCTION = {"type": "function", "strict": False, **WEATHER}
GRAMMAR = {"type": "grammar", "syntax": "regex", "definition": "[a-z]{1,8}"}
CUSTOM = {"type": "custom", "name": "shout", "description": "Shouts.", "format": GRAMMAR}
NAMESPACE = {"type": "namespace", "name": "sky", "description": "The sky.", "tools": [FUNCTION]}
BASE = {"model": "demo", "temperature": 0}
ANNA = "Return Anna, aged 33, as JSON."

RESPONSES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "text": ({"input": "What is 27 + 15?"}, ["reasoning", "message"]),
    "effort": (
        {"input": "What is 27 + 15?", "reasoning": {"effort": "high", "summary": "auto"}},
        ["reasoning", "message"],
    ),
    "logprobs": (
        {
            "input": "What is 27 + 15?",
            "top_logprobs": 3,
            "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
        },
        ["reasoning", "message"],
    ),
    "function": (
        {"input": "What is the weather in Paris?", "tools": [FUNCTION]},
        ["reasoning", "function_call"],
    ),
    "required function": (
        {"input": "What is 27 + 15?", "tools": [FUNCTION], "tool_choice": "required"},
        ["function_call"],
    ),
    "custom": (
        {
            "input": "What is 27 + 15?",
            "tools": [CUSTOM],
            "tool_choice": {"type": "custom", "name": "shout"},
        },
        ["custom_tool_call"],
    ),
    "namespace": (
        {"input": "What is the weather in Paris?", "tools": [NAMESPACE], "tool_choice": "required"},
        ["function_call"],
    ),
    "json": (
        {
            "input": ANNA,
            "text": {"format": {"type": "json_schema", "name": "person", "schema": PERSON}},
        },
        ["reasoning", "message"],
    ),
    "cut off": ({"input": "What is 27 + 15?", "max_output_tokens": 20}, ["reasoning"]),
    "stateless": (
        {"input": [{"role": "user", "content": "Hello!"}], "store": False, "metadata": {"a": "b"}},
        ["reasoning", "message"],
    ),
}
USER = [{"role": "user", "content": "What is 27 + 15?"}]
TOOLS = [{"type": "function", "function": WEATHER}]
CHAT: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"messages": USER}, "stop"),
    "usage": ({"messages": USER, "stream_options": {"include_usage": True}}, "stop"),
    "several": ({"messages": USER, "n": 2, "temperature": 1, "seed": 7}, "stop"),
    "logprobs": ({"messages": USER, "logprobs": True, "top_logprobs": 2}, "stop"),
    "stop string": ({"messages": USER, "stop": [" ="]}, "stop"),
    "cut off": ({"messages": USER, "max_completion_tokens": 20}, "length"),
    "function": ({"messages": USER, "tools": TOOLS, "tool_choice": "required"}, "tool_calls"),
    "json": (
        {
            "messages": [{"role": "user", "content": ANNA}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "person", "schema": PERSON, "strict": True},
            },
        },
        "stop",
    ),
}


def post(server: Running, path: str, body: dict[str, Any]) -> Any:
    with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
        answer = client.post(server.url + path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_stream(openai_server: Running, name: str) -> None:
    fields, expected = RESPONSES[name]
    found = events(openai_server.url + "/v1/responses", BASE | fields)
    stream = [data for _, data in found if data != "[DONE]"]
    for kind, data in found:
        if data != "[DONE]":
            assert kind == data["type"]
            check_event(data)
    check_order(stream)
    last = stream[-1]
    kinds = [item["type"] for item in last["response"]["output"]]
    assert [kind for kind in kinds if kind in expected] == expected, kinds
    incomplete = name == "cut off"
    assert last["type"] == f"response.{'incomplete' if incomplete else 'completed'}"


@pytest.mark.parametrize("name", RESPONSES)
def test_response(openai_server: Running, name: str) -> None:
    fields, _ = RESPONSES[name]
    made = post(openai_server, "/v1/responses", BASE | fields)
    check("Response", made)
    if fields.get("store", True):
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            url = f"{openai_server.url}/v1/responses/{made['id']}"
            stored = client.get(url).json()
            check("Response", stored)
            assert stored == made
            check("ResponseItemList", client.get(url + "/input_items").json())
            assert client.delete(url).status_code == 200
            gone = client.get(url)
            assert gone.status_code == 404
            check("ErrorResponse", gone.json())


@pytest.mark.parametrize("name", CHAT)
def test_chat_stream(openai_server: Running, name: str) -> None:
    fields, finish = CHAT[name]
    found = [data for _, data in events(openai_server.url + "/v1/chat/completions", BASE | fields)]
    assert found.pop() == "[DONE]"
    for chunk in found:
        check("CreateChatCompletionStreamResponse", chunk)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in found}) == 1
    usage = [chunk for chunk in found if not chunk["choices"]]
    assert usage == (found[-1:] if "stream_options" in fields else [])
    for index in range(fields.get("n", 1)):
        _check_choice(
            [c for chunk in found for c in chunk["choices"] if c["index"] == index], finish
        )


def _check_choice(parts: list[dict[str, Any]], finish: str) -> None:
    """The role first, the end last, each once; a call is named before its arguments come."""
    assert parts[0]["delta"]["role"] == "assistant"
    assert [part["finish_reason"] for part in parts[-1:]] == [finish]
    assert all(part["finish_reason"] is None for part in parts[:-1])
    seen: set[int] = set()
    for part in parts:
        for call in part["delta"].get("tool_calls", ()):
            assert ("id" in call) == (call["index"] not in seen), call
            seen.add(call["index"])
    assert bool(seen) == (finish == "tool_calls")


@pytest.mark.parametrize("name", CHAT)
def test_chat(openai_server: Running, name: str) -> None:
    fields = {key: value for key, value in CHAT[name][0].items() if key != "stream_options"}
    check(
        "CreateChatCompletionResponse", post(openai_server, "/v1/chat/completions", BASE | fields)
    )


def test_completions(openai_server: Running) -> None:
    body = {"model": "demo", "prompt": "27 + 15", "max_tokens": 8}
    check("CreateCompletionResponse", post(openai_server, "/v1/completions", body))


def test_models(openai_server: Running) -> None:
    with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
        check("ListModelsResponse", client.get(openai_server.url + "/v1/models").json())
        check("Model", client.get(openai_server.url + "/v1/models/demo").json())
