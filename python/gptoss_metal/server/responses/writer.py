"""A turn's events, written as a response and as its events."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Citation,
    Done,
    Event,
    Reasoning,
    Text,
    Token,
    ToolCall,
    ToolFinished,
    ToolStarted,
)
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses import body as response_body
from gptoss_metal.server.responses.body import Body
from gptoss_metal.server.responses.calls_out import (
    KINDS,
    CallOutput,
    CodeOutput,
    MachineOutput,
    SearchOutput,
)
from gptoss_metal.server.responses.output import (
    MessageOutput,
    Output,
    ReasoningOutput,
    Status,
    Wire,
)
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.tools import Toolset


class Writer:
    """Writes one response.

    Args:
        body: the response, open; it grows.
        toolset: the tools of the request.
        sources: whether searches list what they found.
        outputs: whether calls of python tell what they printed.
        seal: None unless reasoning shall carry a sealed copy.
        spell: the log-probabilities of a token in the form of OpenAI.
    """

    def __init__(
        self,
        body: Body,
        toolset: Toolset,
        *,
        sources: bool = False,
        outputs: bool = False,
        seal: Seal | None = None,
        spell: Callable[[Token], dict[str, Any]],
    ) -> None:
        self.body = body
        self._toolset = toolset
        self._sources = sources
        self._outputs = outputs
        self._seal = seal
        self._spell = spell
        self._number = 0
        self._open: Output | None = None
        self._message = 0
        self._told = 0
        self._before = 0

    def begin(self) -> Iterator[Wire]:
        """The first events."""
        yield self._told_of("created")
        if self.body["status"] == "queued":
            yield self._told_of("queued")
            self.body["status"] = "in_progress"
        yield self._told_of("in_progress")

    def read(self, event: Event) -> Iterator[Wire]:
        """What an event of the turn becomes."""
        yield from self._kept(self._read(event))
        if isinstance(event, Done):
            yield self._end(event)

    def fail(self, problem: Problem) -> Iterator[Wire]:
        """The end of a response that cannot be completed; what there is of it stays."""
        yield from self._kept(self._close("incomplete"))
        self.body |= {"status": "failed", "error": response_body.error(problem)}
        yield self._told_of("failed")

    def cancel(self) -> Iterator[Wire]:
        """The end of a response that is no longer wanted; what there is of it stays."""
        yield from self._kept(self._close("incomplete"))
        self.body["status"] = "cancelled"
        yield self._told_of("failed")  # OpenAI knows no event of its own for it

    def _read(self, event: Event) -> Iterator[Wire]:
        if isinstance(event, Reasoning):
            yield from self._reason(event)
        elif isinstance(event, Text):
            yield from self._say(event)
        elif isinstance(event, Citation):
            yield from self._cite(event)
        elif isinstance(event, CallOpened):
            yield from self._call(event)
        elif isinstance(event, CallDelta):
            if isinstance(self._open, CallOutput | CodeOutput | SearchOutput):
                yield from self._open.write(event.text)
        elif isinstance(event, ToolCall):
            yield from self._called(event)
        elif isinstance(event, ToolStarted):
            if isinstance(self._open, CodeOutput | SearchOutput):
                yield from self._open.started()
        elif isinstance(event, ToolFinished):
            if isinstance(self._open, CodeOutput | SearchOutput):
                yield from self._open.finished(event)
        else:
            yield from self._close("incomplete" if event.finish_reason != "stop" else "completed")

    def _reason(self, event: Reasoning) -> Iterator[Wire]:
        item = self._open
        if not isinstance(item, ReasoningOutput) or self._message != event.item:
            yield from self._close("completed")
            item = self._open = ReasoningOutput(self._place, self._seal)
            self._message = event.item
            yield from item.open()
        yield from item.write(event.text[event.lead :])

    def _say(self, event: Text) -> Iterator[Wire]:
        item = self._open
        if not isinstance(item, MessageOutput) or self._message != event.item:
            yield from self._close("completed")
            item = self._open = MessageOutput(self._place, event.channel)
            self._message = event.item
            self._before = self._told + event.lead
            yield from item.open()
        self._told += len(event.text)
        yield from item.write(event.text[event.lead :], [self._spell(t) for t in event.tokens])

    def _cite(self, event: Citation) -> Iterator[Wire]:
        if isinstance(self._open, MessageOutput):
            yield from self._open.cite(
                {
                    "type": "url_citation",
                    "start_index": event.start - self._before,
                    "end_index": event.end - self._before,
                    "url": event.url,
                    "title": event.title,
                }
            )

    def _call(self, event: CallOpened) -> Iterator[Wire]:
        yield from self._close("completed")
        item = self._item_of(event)
        if item is not None:
            self._open = item
            yield from item.open()

    def _item_of(self, event: CallOpened) -> CallOutput | CodeOutput | SearchOutput | None:
        """The item of a call; None of one that nobody declared and the server answers itself."""
        name = event.recipient.removeprefix("functions.")
        own = event.name in self._toolset.declared and event.recipient != event.name
        if own or not self._toolset.builtins:
            called = self._toolset.called(event.name)
            return KINDS.get(called.kind, MachineOutput)(self._place, event.id, called)
        if name == "python":
            return CodeOutput(self._place, self._outputs)
        return SearchOutput(self._place, self._sources) if name.startswith("browser.") else None

    def _called(self, call: ToolCall) -> Iterator[Wire]:
        item = self._open
        if isinstance(item, CodeOutput | SearchOutput):
            yield from item.called(call)
        elif isinstance(item, CallOutput):
            item.arguments = call.arguments
            yield from item.close("completed" if call.complete else "incomplete")

    def _close(self, status: Status) -> Iterator[Wire]:
        if self._open is not None:
            yield from self._open.close(status)

    def _end(self, done: Done) -> Wire:
        self.body["usage"] = response_body.usage(done.usage)
        if done.finish_reason == "length":
            reason = {"reason": "max_output_tokens"}
            self.body |= {"status": "incomplete", "incomplete_details": reason}
            return self._told_of("incomplete")
        if done.finish_reason == "cancelled":
            problem = Problem("[serve] the server stopped the answer. Try: again.", "unavailable")
            self.body |= {"status": "failed", "error": response_body.error(problem)}
            return self._told_of("failed")
        self.body |= {"status": "completed", "completed_at": int(time.time())}
        return self._told_of("completed")

    def _told_of(self, name: str) -> Wire:
        """An event that carries the whole response."""
        wire = {"type": f"response.{name}", "response": copy.deepcopy(self.body)}
        return self._numbered(wire)

    def _kept(self, wires: Iterator[Wire]) -> Iterator[Wire]:
        """The same, numbered; finished items go into the output."""
        for wire in wires:
            if wire["type"] == "response.output_item.done":
                self.body["output"].append(wire["item"])
                self._open = None
            yield self._numbered(wire)

    @property
    def _place(self) -> int:
        return len(self.body["output"])

    def _numbered(self, wire: Wire) -> Wire:
        wire["sequence_number"] = self._number
        self._number += 1
        return wire
