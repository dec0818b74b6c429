"""The checks of the other tests, each on a fault that it must notice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.server.openapi.cut import cut
from tests.server.openapi.order import check_order
from tests.server.openapi.schema import check, check_event, document

ITEM = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "ab", "annotations": [], "logprobs": []}],
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "model": "demo",
    "tools": [],
    "output": [ITEM],
    "parallel_tool_calls": True,
    "metadata": {},
    "tool_choice": "auto",
    "temperature": 1.0,
    "top_p": 1.0,
}


def _stream() -> list[dict[str, Any]]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    text = {**place, "logprobs": []}
    part = ITEM["content"][0]
    stream = [
        {"type": "response.created", "response": {**RESPONSE, "output": []}},
        {"type": "response.in_progress", "response": {**RESPONSE, "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **text, "delta": "a"},
        {"type": "response.output_text.delta", **text, "delta": "b"},
        {"type": "response.output_text.done", **text, "text": "ab"},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": RESPONSE},
    ]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(stream)]
    copied = json.loads(json.dumps(numbered))  # no two events share a part
    assert isinstance(copied, list)
    return copied


def _renumber(stream: list[dict[str, Any]]) -> None:
    for number, event in enumerate(stream):
        event["sequence_number"] = number


def swap(stream: list[dict[str, Any]]) -> None:
    stream[2], stream[3] = stream[3], stream[2]


def lose_a_delta(stream: list[dict[str, Any]]) -> None:
    del stream[5]


def lose_the_end_of_a_part(stream: list[dict[str, Any]]) -> None:
    del stream[7]


def end_twice(stream: list[dict[str, Any]]) -> None:
    stream.insert(2, copy.deepcopy(stream[-1]))


def not_end(stream: list[dict[str, Any]]) -> None:
    del stream[-1]


def name_another_item(stream: list[dict[str, Any]]) -> None:
    stream[4]["item_id"] = "msg_2"


def leave_an_item_out(stream: list[dict[str, Any]]) -> None:
    stream[-1]["response"]["output"].append({**ITEM, "id": "msg_2"})


def change_the_item(stream: list[dict[str, Any]]) -> None:
    stream[-2]["item"]["status"] = "incomplete"


FAULTS = [
    swap,
    lose_a_delta,
    lose_the_end_of_a_part,
    end_twice,
    not_end,
    name_another_item,
    leave_an_item_out,
    change_the_item,
]


def test_a_sound_stream_passes() -> None:
    stream = _stream()
    check_order(stream)
    for event in stream:
        check_event(event)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_order_is_noticed(fault: Callable[[list[dict[str, Any]]], None]) -> None:
    stream = _stream()
    fault(stream)
    _renumber(stream)
    with pytest.raises(AssertionError):
        check_order(stream)


def test_a_gap_in_the_numbers_is_noticed() -> None:
    stream = _stream()
    stream[4]["sequence_number"] = 40
    with pytest.raises(AssertionError):
        check_order(stream)


@pytest.mark.parametrize("key", sorted(set(RESPONSE) - {"output"}))
def test_a_missing_field_is_noticed(key: str) -> None:
    with pytest.raises(AssertionError):
        check("Response", {name: value for name, value in RESPONSE.items() if name != key})


def test_an_unknown_event_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_event({"type": "response.invented", "sequence_number": 0})


def test_a_wrong_type_in_an_event_is_noticed() -> None:
    event = _stream()[4]
    event["delta"] = 3
    with pytest.raises(AssertionError):
        check_event(event)


def test_null_where_the_document_allows_it() -> None:
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "demo",
        "choices": [{"index": 0, "delta": {}, "finish_reason": None, "logprobs": None}],
    }
    check("CreateChatCompletionStreamResponse", chunk)


def test_the_document_is_whole_and_bare() -> None:
    """Every reference leads somewhere, and there is no prose; cutting it again changes nothing."""
    found = document()
    assert '"x-' not in json.dumps(found)
    assert cut(found) == found
