"""The judges notice faults."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.server.responses.strict import Wire, check_event, check_stream


def find(events: list[Wire], kind: str) -> Wire:
    return next(wire for wire in events if wire["type"] == kind)


FAULTS: dict[str, Callable[[list[Wire]], Any]] = {
    "an unknown key of an event": lambda e: find(e, "response.output_text.delta").update(extra=1),
    "an unknown key of an item": lambda e: e[-1]["response"]["output"][0].update(extra=1),
    "an unknown key of a response": lambda e: e[0]["response"].update(extra=1),
    "a missing key": lambda e: find(e, "response.output_text.delta").pop("logprobs"),
    "a null": lambda e: e[0]["response"].update(usage=None),
    "a wrong type": lambda e: find(e, "response.reasoning_text.delta").update(delta=3),
    "an unknown event": lambda e: e[3].update(type="response.thought.delta"),
    "a number left out": lambda e: e[5].update(sequence_number=50),
    "an event left out": lambda e: e.remove(find(e, "response.content_part.done")),
    "no end": lambda e: e.pop(),
    "two events exchanged": lambda e: e.insert(1, e.pop(2)),
    "another item's id": lambda e: find(e, "response.output_text.done").update(item_id="msg_x"),
    "a delta lost": lambda e: find(e, "response.output_text.delta").update(delta=""),
    "another output": lambda e: e[-1]["response"]["output"].pop(),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_noticed(stream: Callable[..., list[Wire]], name: str) -> None:
    events = copy.deepcopy(stream("Hello"))
    check_stream(events)
    FAULTS[name](events)
    with pytest.raises((AssertionError, ValueError, KeyError)):
        check_stream(events)


def test_an_error_event_is_known() -> None:
    check_event(
        {"type": "error", "code": None, "message": "m", "param": None, "sequence_number": 0}
    )
