"""One turn of a conversation: tokens to events, and the message that goes into the history."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, Final

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Done,
    Event,
    Reasoning,
    Text,
    Token,
    ToolCall,
)
from gptoss_metal.generation import Progress, Run, Sampled
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.header import Header
from gptoss_metal.harmony.messages import Entry, visible_text
from gptoss_metal.harmony.parser import Closed, Delta, Opened, Parser
from gptoss_metal.harmony.parser import Event as Parsed
from gptoss_metal.harmony.render import Renderer
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.stops import StopMatcher

GAP: Final = "\n\n"
"""Stands between two messages of a turn on the same side (thinking, or answer)."""


class Turn:
    """Reads one turn's tokens.

    Args:
        run: the generation.
        vocabulary: of the model.
        stops: stop strings, looked for in the final channel.
    """

    def __init__(self, run: Run, vocabulary: Vocabulary, stops: tuple[str, ...]) -> None:
        self._run = run
        self._vocabulary = vocabulary
        self._stops = stops
        self._matcher = StopMatcher(stops)
        self._entries: list[Entry] = []
        self._calls: list[ToolCall] = []
        self._call_id = ""
        self._final = ""
        self._said: dict[bool, bool] = {True: False, False: False}
        self._gap_due = False
        self._tokens: list[Token] = []
        self._over = False

    def events(self, sampled: Generator[Sampled, None, None]) -> Iterator[Event]:
        """Yields what the model says; nothing the model does makes this raise.

        Args:
            sampled: the token loop.
        """
        parser = Parser(self._vocabulary)
        progress = self._run.progress
        with closing(sampled):
            for item in sampled:
                self._note(item)
                for parsed in parser.process(item.id):
                    yield from self._read(parsed)
                if parser.header is not None and parser.header.is_reasoning:
                    progress.reasoning_tokens += 1
                if self._over:
                    progress.finish_reason = "stop"
                    break
        if not self._over:
            for parsed in parser.finish():
                yield from self._read(parsed)
        if self._calls and progress.finish_reason == "stop":
            progress.finish_reason = "tool_calls"
        yield Done(progress.finish_reason or "stop", progress.usage, self._message())

    def _note(self, item: Sampled) -> None:
        if item.logprob is not None:
            text = self._vocabulary.text([item.id])
            self._tokens.append(Token(item.id, text, item.logprob, item.top_logprobs))

    def _read(self, parsed: Parsed) -> Iterator[Event]:
        if self._over:
            return
        if isinstance(parsed, Opened):
            self._tokens.clear()
            self._gap_due = self._said[parsed.header.is_reasoning]
            self._final = ""
            self._matcher = StopMatcher(self._stops)
            # The model plays the user, or a tool: its turn was over before.
            self._over = parsed.header.author != "assistant"
            if parsed.header.recipient is not None and not self._over:
                self._call_id = f"call_{secrets.token_hex(12)}"
                recipient = parsed.header.recipient
                yield CallOpened(self._call_id, _called(recipient), recipient)
        elif isinstance(parsed, Delta):
            yield from self._delta(parsed.header, parsed.text)
        else:
            yield from self._close(parsed)

    def _delta(self, header: Header, text: str) -> Iterator[Event]:
        if header.is_call:
            yield CallDelta(self._call_id, text)
            return
        if header.channel == "final":
            text = self._matcher.feed(text)
            self._final += text
        yield from self._say(header, text)
        if self._matcher.hit:
            self._over = True
            self._keep(Entry("assistant", self._final, "final"))

    def _say(self, header: Header, text: str) -> Iterator[Event]:
        if not text:
            return
        if self._gap_due:
            text = GAP + text
        self._gap_due = False
        self._said[header.is_reasoning] = True
        tokens = tuple(self._tokens)
        self._tokens.clear()
        yield Reasoning(text, tokens) if header.is_reasoning else Text(text, header.channel, tokens)

    def _close(self, closed: Closed) -> Iterator[Event]:
        header = closed.header
        if header.channel == "final" and not header.is_call:
            yield from self._say(header, self._matcher.finish())
        entry = Entry("assistant", closed.text, header.channel, header.recipient)
        if header.recipient is not None:
            call = _tool_call(self._call_id, header.recipient, closed, self._run.progress)
            self._calls.append(call)
            self._tokens.clear()
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
        reasoning = [e.text for e in self._entries if e.channel == "analysis" and not e.recipient]
        message: dict[str, Any] = {"role": "assistant", "content": visible_text(self._entries)}
        if any(reasoning):
            message["reasoning"] = GAP.join(text for text in reasoning if text)
        if self._calls:
            message["tool_calls"] = [_as_dict(call) for call in self._calls]
        message["harmony"] = [
            {
                "channel": entry.channel,
                "recipient": entry.recipient,
                "text": entry.text,
                "tokens": list(entry.tokens or ()),
            }
            for entry in self._entries
        ]
        return message


def _called(recipient: str) -> str:
    return recipient.removeprefix("functions.") or recipient


def _tool_call(id_: str, recipient: str, closed: Closed, progress: Progress) -> ToolCall:
    cut = closed.end is None and progress.finish_reason in ("length", "cancelled")
    return ToolCall(
        id=id_,
        name=_called(recipient),
        arguments=closed.text,
        recipient=recipient,
        complete=not cut,
    )


def _as_dict(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    out: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.recipient != f"functions.{call.name}":
        out["recipient"] = call.recipient
    return out


def _as_history(closed: Closed) -> tuple[int, ...]:
    """The ids as generated; a stop becomes ``<|end|>``, a call ends with ``<|call|>``."""
    end = t.CALL if closed.header.is_call else t.END
    body = closed.tokens if closed.end is None else closed.tokens[:-1]
    return (*body, end)
