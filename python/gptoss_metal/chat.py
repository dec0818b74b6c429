"""One turn of a conversation: tokens to events, and the message that goes into the history."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Done,
    Event,
    FinishReason,
    Reasoning,
    Text,
    ToolCall,
)
from gptoss_metal.generation import Progress, Sampled
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.entries import GAP, Entry, thought_text, visible_text
from gptoss_metal.harmony.header import Header
from gptoss_metal.harmony.parser import Closed, Delta, Opened, Parser
from gptoss_metal.harmony.parser import Event as Parsed
from gptoss_metal.harmony.render import Renderer
from gptoss_metal.harmony.replay import as_parts
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.logprobs import TokenTape
from gptoss_metal.stops import StopMatcher

_FUNCTIONS: Final = "functions."


class Turn:
    """Reads one turn's tokens; nothing the model does makes it raise.

    It is fed token by token (`feed`, then `finish`), or reads a whole token loop (`events`).

    Args:
        progress: of the generation. The turn counts reasoning tokens in it, and sets the finish
            reason where the text decides it: a stop string, a call.
        vocabulary: of the model.
        stops: stop strings, looked for in the final channel.
        tools: those declared; tells free-form ones from functions.
    """

    def __init__(
        self,
        progress: Progress,
        vocabulary: Vocabulary,
        stops: Sequence[str] = (),
        tools: Sequence[Tool] = (),
    ) -> None:
        self.over = False
        """Whether the turn has ended though its tokens go on: a stop string, another author."""
        self._progress = progress
        self._vocabulary = vocabulary
        self._stops = tuple(stops)
        self._freeform = frozenset(_FUNCTIONS + tool.name for tool in tools if tool.freeform)
        self._parser = Parser(vocabulary)
        self._matcher = StopMatcher(self._stops)
        self._entries: list[Entry] = []
        self._calls: list[ToolCall] = []
        self._call_id = ""
        self._final = ""
        self._said: dict[bool, bool] = {True: False, False: False}
        self._gap_due = False
        self._item = -1
        self._tape = TokenTape(vocabulary)

    def events(self, sampled: Generator[Sampled, None, None]) -> Iterator[Event]:
        """Reads a token loop to its end, which comes early if the turn is `over`.

        Args:
            sampled: the token loop; it is closed at the end.
        """
        with closing(sampled):
            for item in sampled:
                yield from self.feed(item)
                if self.over:
                    break
        yield from self.finish()

    def feed(self, sampled: Sampled) -> list[Event]:
        """Reads the next token, the stop token too, and returns what it completed.

        Once the turn is `over` nothing more comes; the generation should be cancelled.
        """
        if self.over:
            return []
        self._tape.note(sampled)
        header = self._parser.header
        events = [e for parsed in self._parser.process(sampled.id) for e in self._read(parsed)]
        if header is not None and header.is_reasoning and header is self._parser.header:
            self._progress.reasoning_tokens += 1
        if self.over:
            self._progress.finish_reason = "stop"
        return events

    def finish(self, reason: FinishReason | None = None) -> list[Event]:
        """Ends the turn where it stands; the last event is `Done`.

        Args:
            reason: why the tokens ended, if `progress` does not know it, e.g. ``cancelled``.
        """
        progress = self._progress
        if reason is not None and not self.over:
            progress.finish_reason = reason
        events: list[Event] = []
        if not self.over:
            events = [event for parsed in self._parser.finish() for event in self._read(parsed)]
        if self._calls and progress.finish_reason == "stop":
            progress.finish_reason = "tool_calls"
        reason, stop = progress.finish_reason or "stop", self._matcher.stop
        done = Done(reason, progress.usage, self._message(), stop)
        return [*events, done]

    def _read(self, parsed: Parsed) -> Iterator[Event]:
        if self.over:
            return
        if isinstance(parsed, Opened):
            yield from self._open(parsed.header)
        elif isinstance(parsed, Delta):
            yield from self._delta(parsed.header, parsed.text)
        else:
            yield from self._close(parsed)

    def _open(self, header: Header) -> Iterator[Event]:
        self._tape.clear()
        self._gap_due = self._said[header.is_reasoning]
        self._final = ""
        self._matcher = StopMatcher(self._stops)
        # The model plays the user, or a tool: its turn was over before.
        self.over = header.author != "assistant"
        if self.over:
            return
        self._item += 1
        if header.recipient is not None:
            self._call_id = f"call_{secrets.token_hex(12)}"
            recipient = header.recipient
            freeform = recipient in self._freeform
            yield CallOpened(self._call_id, _called(recipient), recipient, freeform)

    def _delta(self, header: Header, text: str) -> Iterator[Event]:
        if header.is_call:
            yield CallDelta(self._call_id, text)
            return
        if header.channel == "final":
            text = self._matcher.feed(text)
            self._final += text
        yield from self._say(header, text)
        if self._matcher.hit:
            self.over = True
            self._keep(Entry("assistant", self._final, "final"))

    def _say(self, header: Header, text: str) -> Iterator[Event]:
        if not text:
            return
        gap = GAP if self._gap_due else ""
        self._gap_due = False
        self._said[header.is_reasoning] = True
        tokens = self._tape.release(text)
        if header.is_reasoning:
            yield Reasoning(gap + text, tokens, self._item, len(gap))
        else:
            shown = tokens if header.channel == "final" else ()
            yield Text(gap + text, header.channel, shown, self._item, len(gap))

    def _close(self, closed: Closed) -> Iterator[Event]:
        header = closed.header
        if header.channel == "final" and not header.is_call:
            yield from self._say(header, self._matcher.finish())
        freeform = header.recipient in self._freeform
        kind = "code" if freeform else None
        entry = Entry("assistant", closed.text, header.channel, header.recipient, kind=kind)
        if header.recipient is not None:
            cut = closed.end is None and self._progress.finish_reason in ("length", "cancelled")
            name = _called(header.recipient)
            call = ToolCall(self._call_id, name, closed.text, header.recipient, not cut, freeform)
            self._calls.append(call)
            yield call
        self._keep(entry, closed)

    def _keep(self, entry: Entry, closed: Closed | None = None) -> None:
        if closed is not None and closed.clean:
            tokens = _as_history(closed)
        elif entry.text or entry.recipient:
            tokens = tuple(Renderer(self._vocabulary).entry(entry))
        else:
            return
        self._entries.append(
            Entry("assistant", entry.text, entry.channel, entry.recipient, tokens=tokens)
        )

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": visible_text(self._entries)}
        if reasoning := thought_text(self._entries):
            message["reasoning"] = reasoning
        if self._calls:
            message["tool_calls"] = [_as_dict(call) for call in self._calls]
        message["harmony"] = as_parts(self._entries)
        return message


def _called(recipient: str) -> str:
    return recipient.removeprefix(_FUNCTIONS) or recipient


def _as_dict(call: ToolCall) -> dict[str, Any]:
    if call.freeform:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    out: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.recipient != _FUNCTIONS + call.name:
        out["recipient"] = call.recipient
    return out


def _as_history(closed: Closed) -> tuple[int, ...]:
    """The ids as generated; a stop becomes ``<|end|>``, a call ends with ``<|call|>``."""
    end = t.CALL if closed.header.is_call else t.END
    body = closed.tokens if closed.end is None else closed.tokens[:-1]
    return (*body, end)
