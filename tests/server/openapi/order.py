"""The order of a Responses stream, as OpenAI documents it."""

from __future__ import annotations

import re
from typing import Any

ENDS = {"response.completed", "response.incomplete", "response.failed"}
PART = r"P(?:t|a)*TQ"
"""A part of a message: added, deltas and annotations, text done, part done."""
ITEMS = {
    "message": rf"\+(?:{PART})*-",
    "reasoning": r"\+(?:Pr*RQ)*-",
    "function_call": r"\+f*F-",
    "custom_tool_call": r"\+c*C-",
    # What the response's limit cuts is not run.
    "web_search_call": r"\+(?:w(?:sW)?)?-",
    "code_interpreter_call": r"\+xk*K(?:iX)?-",
    "apply_patch_call": r"\+-",
    "shell_call": r"\+-",
    "local_shell_call": r"\+-",
}
LETTERS = {
    "response.output_item.added": "+",
    "response.output_item.done": "-",
    "response.content_part.added": "P",
    "response.content_part.done": "Q",
    "response.output_text.delta": "t",
    "response.output_text.annotation.added": "a",
    "response.output_text.done": "T",
    "response.reasoning_text.delta": "r",
    "response.reasoning_text.done": "R",
    "response.function_call_arguments.delta": "f",
    "response.function_call_arguments.done": "F",
    "response.custom_tool_call_input.delta": "c",
    "response.custom_tool_call_input.done": "C",
    "response.web_search_call.in_progress": "w",
    "response.web_search_call.searching": "s",
    "response.web_search_call.completed": "W",
    "response.code_interpreter_call.in_progress": "x",
    "response.code_interpreter_call_code.delta": "k",
    "response.code_interpreter_call_code.done": "K",
    "response.code_interpreter_call.interpreting": "i",
    "response.code_interpreter_call.completed": "X",
}
DELTAS = {
    "response.output_text": "text",
    "response.reasoning_text": "text",
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.code_interpreter_call_code": "code",
}


def check_order(events: list[dict[str, Any]]) -> None:
    """Asserts that events come in the documented order and agree with each other."""
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"], kinds
    assert kinds[-1] in ENDS, kinds
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(events))), numbers
    middle = events[2:-1]
    assert not ENDS & {event["type"] for event in middle}, kinds
    indices = [event["output_index"] for event in middle]
    assert indices == sorted(indices), "items do not come one after the other"
    output = events[-1]["response"]["output"]
    assert sorted(set(indices)) == list(range(len(output))), "an item is missing in the stream"
    for index, item in enumerate(output):
        _check_item([event for event in middle if event["output_index"] == index], item)


def _check_item(events: list[dict[str, Any]], item: dict[str, Any]) -> None:
    word = "".join(LETTERS.get(event["type"], "?") for event in events)
    assert re.fullmatch(ITEMS[item["type"]], word), (item["type"], word)
    assert events[0]["item"]["type"] == item["type"]
    assert events[-1]["item"] == item, "the item's end and the response disagree"
    for event in events:
        assert event.get("item_id", item["id"]) == item["id"], event
    for stem, field in DELTAS.items():
        _check_deltas([event for event in events if event["type"].startswith(stem)], field)


def _check_deltas(events: list[dict[str, Any]], field: str) -> None:
    """The deltas of each part, put together, are what its end says."""
    text = ""
    for event in events:
        if event["type"].endswith(".delta"):
            text += event["delta"]
        elif event["type"].endswith(".done"):
            assert event[field] == text, (event, text)
            text = ""
    assert text == "", "deltas without an end"
