"""What generation yields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    Attributes:
        id: its id.
        text: the text it completed: whole characters, so that the texts of all tokens make the
            whole text; empty for stop tokens and parts of characters.
        logprob: log-probability under the model itself (temperature 1, no penalty), if asked for.
        top_logprobs: the likeliest tokens and their log-probabilities, if asked for.
    """

    id: int
    text: str
    logprob: float | None = None
    top_logprobs: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Reasoning:
    """More of the model's thinking, which is not part of the answer.

    Attributes:
        text: what to append.
        tokens: the tokens that made it, if `Sampling.logprobs` asked for them.
        item: number of the harmony message it belongs to; it grows with each message of a turn.
        lead: how many characters at the beginning of `text` are the blank line that stands between
            this message and the one before on the same side; they are not the message's own.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    item: int = 0
    lead: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer.

    Attributes:
        text: what to append.
        channel: ``final``, or ``commentary`` for what is said before a tool call.
        tokens: of ``final`` text, the tokens that made it, if `Sampling.logprobs` asked for them.
        item: number of the harmony message it belongs to, as in `Reasoning`.
        lead: characters of the blank line before it, as in `Reasoning`.
    """

    text: str
    channel: str = "final"
    tokens: tuple[Token, ...] = ()
    item: int = 0
    lead: int = 0


@dataclass(frozen=True, slots=True)
class CallOpened:
    """The model begins to call a tool: the call's header is complete, its arguments follow.

    Attributes:
        id: of the call; its `CallDelta` and `ToolCall` have the same.
        name: of the function, e.g. ``get_weather``.
        recipient: whom the model addressed, e.g. ``functions.get_weather``.
        freeform: whether the tool is a declared custom tool, whose argument is plain text.
    """

    id: str
    name: str
    recipient: str
    freeform: bool = False


@dataclass(frozen=True, slots=True)
class CallDelta:
    """More of a call's arguments, or of its plain text."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a tool; the turn ends, and goes on with its result.

    It is the sum of a `CallOpened` and its `CallDelta`s, which came before.

    Attributes:
        id: quote it as ``tool_call_id`` in the result.
        name: of the function, e.g. ``get_weather``.
        arguments: as the model wrote them: JSON (see `parsed`), or a custom tool's plain text.
        recipient: whom the model addressed, e.g. ``functions.get_weather``.
        complete: False if the turn's limit cut the arguments.
        freeform: whether the tool is a declared custom tool, whose argument is plain text.
    """

    id: str
    name: str
    arguments: str
    recipient: str
    complete: bool = True
    freeform: bool = False

    @property
    def parsed(self) -> dict[str, Any] | None:
        """The arguments as an object, or None if they are not one."""
        try:
            value = json.loads(self.arguments)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and times of one generation.

    Attributes:
        prompt_tokens: length of the prompt.
        cached_tokens: how many of them were still in the session.
        completion_tokens: generated tokens, reasoning and stop token included.
        reasoning_tokens: how many of them were reasoning.
        prefill_seconds: time until the first token could be sampled.
        decode_seconds: time from there to the last token.
    """

    prompt_tokens: int
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    @property
    def prefill_tps(self) -> float:
        """Prompt tokens computed per second."""
        computed = self.prompt_tokens - self.cached_tokens
        return computed / self.prefill_seconds if self.prefill_seconds > 0 else 0.0

    @property
    def decode_tps(self) -> float:
        """Generated tokens per second, the first one aside, which prefill already gave."""
        steps = self.completion_tokens - 1
        return steps / self.decode_seconds if steps > 0 and self.decode_seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is over.

    Attributes:
        finish_reason: ``stop``, ``length``, ``tool_calls`` or ``cancelled``.
        usage: tokens and times.
        message: the assistant's message, to be appended to the conversation: ``role``,
            ``content``, and if there were any ``reasoning`` and ``tool_calls``. Its ``harmony``
            holds the ids as generated; with it, the next turn computes only what is new.
        stop: the stop string that ended the answer, or None.
    """

    finish_reason: FinishReason
    usage: Usage
    message: dict[str, Any]
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A built-in tool begins to run a call, which came as a `ToolCall` before.

    Attributes:
        call: the call.
    """

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A built-in tool has run; the model goes on with its output.

    Attributes:
        call: the call.
        output: what the model reads.
        failed: whether the output is an error message.
        detail: for programs: ``{"action": {"type": "search", "query": …}}`` and the like of the
            browser (OpenAI's web search actions), ``{"outputs": [{"type": "logs", "logs": …}]}``
            of python.
    """

    call: ToolCall
    output: str
    failed: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of the answer, quoted in its text.

    Attributes:
        start: where the quoted link begins, in characters of the answer's text so far.
        end: behind its last character.
        url: of the source.
        title: of the source.
    """

    start: int
    end: int
    url: str
    title: str


Event = (
    Reasoning
    | Text
    | CallOpened
    | CallDelta
    | ToolCall
    | ToolStarted
    | ToolFinished
    | Citation
    | Done
)
