"""Conversations: stored, stateless, referred to; retrieve, delete, list."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.responses.conftest import REPORT, WEATHER, Ask, item_of, text_of
from tests.server.responses.strict import Wire, check_items, check_response

PARIS = "What is the weather in Paris?"


def output_for(call: Wire) -> Wire:
    return {"type": "function_call_output", "call_id": call["call_id"], "output": REPORT}


def test_a_tool_loop_with_the_stored_response(ask: Ask) -> None:
    first = ask(PARIS, tools=[WEATHER])
    call = item_of(first, "function_call")
    second = ask([output_for(call)], previous_response_id=first["id"], tools=[WEATHER])
    assert "21" in text_of(second)
    assert second["previous_response_id"] == first["id"]
    cached = second["usage"]["input_tokens_details"]["cached_tokens"]
    spent = first["usage"]["total_tokens"]
    assert cached >= spent - 1, "what was generated is replayed as it was, token by token"


def test_a_tool_loop_with_items_sent_back(ask: Ask) -> None:
    first = ask(PARIS, tools=[WEATHER], store=False)
    call = item_of(first, "function_call")
    items = [{"role": "user", "content": PARIS}, *first["output"], output_for(call)]
    second = ask(items, tools=[WEATHER], store=False)
    assert "21" in text_of(second)
    cached = second["usage"]["input_tokens_details"]["cached_tokens"]
    assert cached >= first["usage"]["total_tokens"] - 1


def test_both_ways_say_the_same(ask: Ask) -> None:
    first = ask(PARIS, tools=[WEATHER])
    result = output_for(item_of(first, "function_call"))
    kept = ask([result], previous_response_id=first["id"], tools=[WEATHER])
    items = [{"role": "user", "content": PARIS}, *first["output"], result]
    sent = ask(items, tools=[WEATHER])
    assert text_of(kept) == text_of(sent)
    assert kept["usage"]["input_tokens"] == sent["usage"]["input_tokens"]


def test_items_without_ids_are_replayed_by_their_call(ask: Ask) -> None:
    first = ask(PARIS, tools=[WEATHER], store=False)
    call = item_of(first, "function_call")
    bare = [{k: v for k, v in item.items() if k != "id"} for item in first["output"]]
    items = [{"role": "user", "content": PARIS}, *bare, output_for(call)]
    second = ask(items, tools=[WEATHER], store=False)
    cached = second["usage"]["input_tokens_details"]["cached_tokens"]
    assert cached >= first["usage"]["total_tokens"] - 1


@pytest.mark.parametrize("stored", [True, False])
def test_a_long_tool_loop_computes_only_what_is_new(ask: Ask, stored: bool) -> None:
    items: list[Wire] = [{"role": "user", "content": PARIS}]
    more: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required", "store": stored}
    made = ask(items, **more)
    for _ in range(5):
        call = item_of(made, "function_call")
        items = [*([] if stored else [*items, *made["output"]]), output_for(call)]
        before = made["usage"]["total_tokens"]
        if stored:
            more["previous_response_id"] = made["id"]
        made = ask(items, **more)
        used = made["usage"]
        new = used["input_tokens"] - before
        computed = used["input_tokens"] - used["input_tokens_details"]["cached_tokens"]
        assert computed <= new + 1, "the last token before is computed again for its logits"


def test_instructions_are_not_inherited(ask: Ask) -> None:
    long = "Speak kindly of all things. " * 20
    first = ask("Hello", instructions=long)
    second = ask("Hello", previous_response_id=first["id"])
    third = ask("Hello", previous_response_id=first["id"], instructions=long)
    assert second["instructions"] is None
    assert third["usage"]["input_tokens"] > second["usage"]["input_tokens"] + 50


def test_a_conversation_of_three(ask: Ask) -> None:
    first = ask("What is 27 + 15?")
    second = ask("What is 11 + 12?", previous_response_id=first["id"])
    third = ask("Hello", previous_response_id=second["id"])
    inputs = [body["usage"]["input_tokens"] for body in (first, second, third)]
    assert inputs == sorted(inputs)
    again = ask("Hello", previous_response_id=first["id"])
    assert again["usage"]["input_tokens"] < inputs[2], "a branch from an earlier response"


def test_retrieve_and_delete(ask: Ask, client: TestClient) -> None:
    made = ask("Hello", metadata={"a": "b"})
    found = client.get(f"/v1/responses/{made['id']}")
    assert found.json() == made
    check_response(found.json())
    gone = client.delete(f"/v1/responses/{made['id']}")
    assert gone.json() == {"id": made["id"], "object": "response", "deleted": True}
    for answer in (
        client.get(f"/v1/responses/{made['id']}"),
        client.delete(f"/v1/responses/{made['id']}"),
        client.get(f"/v1/responses/{made['id']}/input_items"),
    ):
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert made["id"] in error["message"]


def test_what_is_not_to_be_stored_is_not(ask: Ask, client: TestClient) -> None:
    made = ask("Hello", store=False)
    assert made["store"] is False
    assert client.get(f"/v1/responses/{made['id']}").status_code == 404
    body = {"model": "demo", "input": "x", "previous_response_id": made["id"]}
    answer = client.post("/v1/responses", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "previous_response_not_found"
    reference = {"type": "item_reference", "id": made["output"][0]["id"]}
    answer = client.post("/v1/responses", json={"model": "demo", "input": [reference]})
    assert answer.status_code == 404


def test_items_are_referred_to(ask: Ask) -> None:
    first = ask(PARIS, tools=[WEATHER])
    references = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
    items = [{"role": "user", "content": PARIS}, *references]
    second = ask([*items, output_for(item_of(first, "function_call"))], tools=[WEATHER])
    assert "21" in text_of(second)
    cached = second["usage"]["input_tokens_details"]["cached_tokens"]
    assert cached >= first["usage"]["total_tokens"] - 1


@pytest.fixture
def listed(ask: Ask, client: TestClient) -> Any:
    """Lists the input items of a conversation's second response."""
    items = [{"role": "user", "content": f"Number {n}."} for n in range(3)]
    first = ask([*items, {"role": "user", "content": "Hello"}], max_output_tokens=40)
    second = ask("Hello again", previous_response_id=first["id"])

    def list_(**query: Any) -> Wire:
        answer = client.get(f"/v1/responses/{second['id']}/input_items", params=query)
        assert answer.status_code == 200, answer.text
        check_items(answer.json())
        return dict(answer.json())

    return list_


def test_input_items_are_all_that_the_response_was_made_from(listed: Any) -> None:
    body = listed(order="asc")
    told = [
        part["text"]
        for item in body["data"]
        if item["type"] == "message"
        for part in item["content"]
    ]
    assert told[:4] == ["Number 0.", "Number 1.", "Number 2.", "Hello"]
    assert told[-1] == "Hello again"
    assert "reasoning" in [item["type"] for item in body["data"]]
    assert body["has_more"] is False
    assert (body["first_id"], body["last_id"]) == (body["data"][0]["id"], body["data"][-1]["id"])
    assert listed()["data"] == body["data"][::-1], "the latest first, if not asked otherwise"


def test_input_items_come_in_pages(listed: Any) -> None:
    whole = listed(order="asc")["data"]
    pages, after = [], {}
    while True:
        page = listed(order="asc", limit=2, **after)
        pages += page["data"]
        if not page["has_more"]:
            break
        assert len(page["data"]) == 2
        after = {"after": page["last_id"]}
    assert pages == whole
    assert listed(order="asc", after=whole[-1]["id"])["data"] == []


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"order": "up"}, {"after": "msg_x"}]
)
def test_pages_that_cannot_be(ask: Ask, client: TestClient, query: dict[str, str]) -> None:
    made = ask("Hello")
    answer = client.get(f"/v1/responses/{made['id']}/input_items", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == next(iter(query))
