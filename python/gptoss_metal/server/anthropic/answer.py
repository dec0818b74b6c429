"""A turn's answer: as a stream of events, or as the message that they make."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from gptoss_metal.events import Event
from gptoss_metal.server.anthropic.messages import RAW
from gptoss_metal.server.anthropic.searches import Json
from gptoss_metal.server.anthropic.writer import PING, Writer
from gptoss_metal.server.problem import as_problem
from gptoss_metal.server.shapes import error_body
from gptoss_metal.server.streaming import sse

PATH: Final = "/v1/messages"


async def stream(
    events: AsyncGenerator[Event, None], writer: Writer
) -> AsyncGenerator[bytes, None]:
    """The answer as server-sent events; a failure on the way is an ``error`` event, the last."""
    try:
        async with aclosing(events):
            yield as_event(writer.start())
            yield as_event(PING)
            async for event in events:
                for said in writer.read(event):
                    yield as_event(said)
    except Exception as error:
        yield as_event(error_body(PATH, as_problem(error)))


async def message(events: AsyncGenerator[Event, None], writer: Writer) -> Json:
    """The answer as one message.

    Raises:
        Problem: the turn failed.
    """
    draft = Draft(writer.start()["message"])
    async with aclosing(events):
        async for event in events:
            for said in writer.read(event):
                draft.add(said)
    return draft.message


def as_event(body: Json) -> bytes:
    """One server-sent event, named by its type."""
    return sse(json.dumps(body), body["type"])


class Draft:
    """A message that grows by a stream's events, as clients put it together.

    Args:
        message: of ``message_start``.
    """

    def __init__(self, message: Json) -> None:
        self.message = message
        self._input = ""

    def add(self, event: Json) -> None:
        """Takes the next event."""
        kind, content = event["type"], self.message["content"]
        if kind == "content_block_start":
            content.append(event["content_block"])
            self._input = ""
        elif kind == "content_block_delta":
            self._extend(content[-1], event["delta"])
        elif kind == "content_block_stop" and "input" in content[-1]:
            content[-1]["input"] = _object(self._input)
        elif kind == "message_delta":
            self.message |= {**event["delta"], "usage": event["usage"]}

    def _extend(self, block: Json, delta: Json) -> None:
        if delta["type"] == "input_json_delta":
            self._input += delta["partial_json"]
            return
        if delta["type"] == "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
            return
        name = delta["type"].removesuffix("_delta")
        block[name] += delta[name]


def _object(text: str) -> Json:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = None  # the limit cut it
    return value if isinstance(value, dict) else {RAW: text}
