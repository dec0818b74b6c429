"""A turn's events as Ollama's answers: pieces, lines, and the last line's counts."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from gptoss_metal.events import Done, Event, Reasoning, Text, Token, ToolCall, Usage
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.ollama.messages import arguments_object
from gptoss_metal.server.problem import as_problem

NDJSON: Final = "application/x-ndjson"
_LEAST_LOGPROB: Final = -9999.0  # JSON has no -inf
_BILLION: Final = 1_000_000_000
Json = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """More of an answer, or all of it.

    Attributes:
        text: of the answer.
        thinking: reasoning.
        calls: Ollama's tool calls.
        tokens: that made it, if log-probabilities were asked for.
    """

    text: str = ""
    thinking: str = ""
    calls: tuple[Json, ...] = ()
    tokens: tuple[Token, ...] = ()

    def __add__(self, more: Piece) -> Piece:
        """This piece, and then that one."""
        return Piece(
            self.text + more.text,
            self.thinking + more.thinking,
            self.calls + more.calls,
            self.tokens + more.tokens,
        )


@dataclass(frozen=True)
class Form:
    """How one endpoint writes an answer.

    Attributes:
        model: the name that the client used.
        body: a piece in the endpoint's words.
        ending: what the last line has besides counts, from the whole answer.
        thinking: whether the client wants to see the reasoning.
        vocabulary: for log-probabilities; None if they were not asked for.
        started: when the request came, of `time.perf_counter`.
    """

    model: str
    body: Callable[[Piece], Json]
    ending: Callable[[Piece], Json]
    thinking: bool
    vocabulary: Vocabulary | None
    started: float = field(default_factory=time.perf_counter)

    def line(self, piece: Piece) -> Json:
        """A piece that is not the last."""
        return {**self._stamp(), **self.body(piece), **self._logprobs(piece.tokens), "done": False}

    def last(self, piece: Piece, done: Done, whole: Piece) -> Json:
        """The last line.

        Args:
            piece: what is still to be said.
            done: how the turn ended.
            whole: the answer.
        """
        return {
            **self._stamp(),
            **self.body(piece),
            **self._logprobs(piece.tokens),
            "done": True,
            "done_reason": "length" if done.finish_reason == "length" else "stop",
            **self.ending(whole),
            **counts(done.usage, time.perf_counter() - self.started),
        }

    def empty(self, reason: str) -> Json:
        """The whole answer to a request that only loads or unloads the model."""
        return {**self._stamp(), **self.body(Piece()), "done": True, "done_reason": reason}

    def _stamp(self) -> Json:
        return {"model": self.model, "created_at": now()}

    def _logprobs(self, tokens: Sequence[Token]) -> Json:
        if self.vocabulary is None or not tokens:
            return {}
        return {"logprobs": [_logprob(token, self.vocabulary) for token in tokens]}


async def lines(events: AsyncGenerator[Event, None], form: Form) -> AsyncGenerator[bytes, None]:
    """The answer line by line; a failure on the way is the last line, ``{"error": text}``."""
    whole = Piece()
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    yield as_line(form.last(Piece(), event, whole))
                elif piece := read(event, len(whole.calls), form.thinking):
                    whole += piece
                    yield as_line(form.line(piece))
    except Exception as error:
        yield as_line({"error": str(as_problem(error))})


async def whole_answer(events: AsyncGenerator[Event, None], form: Form) -> Json:
    """The answer in one object.

    Raises:
        Problem: the turn failed.
    """
    whole, done = Piece(), None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Done):
                done = event
            elif piece := read(event, len(whole.calls), form.thinking):
                whole += piece
    assert done is not None, "a turn ends with Done"
    return form.last(whole, done, whole)


def read(event: Event, calls: int, thinking: bool) -> Piece | None:
    """What an event adds to the answer, or None.

    Args:
        event: of the turn.
        calls: how many there were before.
        thinking: whether reasoning is shown.
    """
    if isinstance(event, Text):
        return Piece(text=event.text, tokens=event.tokens)
    if isinstance(event, Reasoning) and thinking:
        return Piece(thinking=event.text, tokens=event.tokens)
    if isinstance(event, ToolCall) and (event.complete or event.parsed is not None):
        function = {
            "index": calls,
            "name": event.name,
            "arguments": arguments_object(event.arguments),
        }
        return Piece(calls=({"id": event.id, "function": function},))
    return None


def counts(usage: Usage, seconds: float) -> Json:
    """Tokens and durations (nanoseconds) of the last line."""
    return {
        "total_duration": round(seconds * _BILLION),
        "load_duration": 0,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": round(usage.prefill_seconds * _BILLION),
        "eval_count": usage.completion_tokens,
        "eval_duration": round(usage.decode_seconds * _BILLION),
    }


def as_line(body: Mapping[str, Any]) -> bytes:
    """One line of NDJSON."""
    return json.dumps(body).encode() + b"\n"


def now() -> str:
    """This moment, as RFC 3339."""
    return rfc3339(datetime.datetime.now(datetime.timezone.utc))


def rfc3339(moment: datetime.datetime) -> str:
    """A moment in UTC, as RFC 3339."""
    return moment.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def _logprob(token: Token, vocabulary: Vocabulary) -> Json:
    top = [_one(id_, logprob, vocabulary) for id_, logprob in token.top_logprobs]
    found = _one(token.id, token.logprob or 0.0, vocabulary)
    return {**found, "top_logprobs": top} if top else found


def _one(id_: int, logprob: float, vocabulary: Vocabulary) -> Json:
    raw = vocabulary.token_bytes(id_)
    text = vocabulary.text([id_])
    return {"token": text, "logprob": max(logprob, _LEAST_LOGPROB), "bytes": list(raw)}
