"""Whether responses and their events are what OpenAI's own descriptions say.

Two judges: the pydantic models of the ``openai`` package, which must know every key, and OpenAI's
OpenAPI document, whose schema of the very type is taken where the document offers several.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from openai.types.responses import Response, ResponseItemList, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.server.openapi import schema
from tests.server.openapi.order import check_order

Wire = dict[str, Any]

# What the package's models leave out and the OpenAPI document, or OpenAI itself, has.
UNMODELLED = {
    ("Response", "store"),
    ("ResponseFunctionCallArgumentsDoneEvent", "name"),
    ("ResponseCustomToolCall", "status"),
}
OUTPUTS = {
    "message": "OutputMessage",
    "reasoning": "ReasoningItem",
    "function_call": "FunctionToolCall",
    "custom_tool_call": "CustomToolCall",
    "web_search_call": "WebSearchToolCall",
    "code_interpreter_call": "CodeInterpreterToolCall",
    "apply_patch_call": "ApplyPatchToolCall",
    "shell_call": "FunctionShellCall",
    "local_shell_call": "LocalShellToolCall",
}


def read_events(lines: Sequence[str]) -> list[Wire]:
    """The events of an SSE stream; each one's ``event`` line must agree with its ``type``."""
    events: list[Wire] = []
    for block in "\n".join(lines).split("\n\n"):
        if not block.strip() or block.startswith(":"):
            continue
        head, data = block.strip().split("\n")
        wire = json.loads(data.removeprefix("data: "))
        assert head == f"event: {wire['type']}"
        events.append(wire)
    return events


def check_stream(events: Sequence[Wire]) -> None:
    """Checks every event, and their order."""
    for wire in events:
        check_event(wire)
    check_order(list(events))


def check_event(wire: Wire) -> None:
    """Checks one event against both judges."""
    event = TypeAdapter(ResponseStreamEvent).validate_python(wire)
    assert event.type == wire["type"]
    assert not list(_unknown(event)), list(_unknown(event))
    schema.check_event(wire)
    if "item" in wire:
        check_output([wire["item"]])
    if "response" in wire:
        check_output(wire["response"]["output"])


def check_response(body: Wire) -> None:
    """Checks a whole response against both judges."""
    response = Response.model_validate(body)
    assert not list(_unknown(response)), list(_unknown(response))
    schema.check("Response", body)
    check_output(body["output"])


def check_output(items: Sequence[Wire]) -> None:
    """Checks output items against the document."""
    for item in items:
        schema.check(OUTPUTS[item["type"]], item)


def check_items(body: Wire) -> None:
    """Checks a list of input items against both judges."""
    listed = ResponseItemList.model_validate(body)
    assert not list(_unknown(listed)), list(_unknown(listed))
    schema.check("ResponseItemList", body)


def _unknown(value: Any) -> Iterator[tuple[str, str]]:
    """Keys that the models do not have."""
    if isinstance(value, BaseModel):
        name = type(value).__name__
        for key in value.model_extra or ():
            if (name, key) not in UNMODELLED:
                yield name, key
        for field in type(value).model_fields:
            yield from _unknown(getattr(value, field))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _unknown(inner)
