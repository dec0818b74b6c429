"""A Chat Completions request: from JSON to a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gptoss_metal.server.body import Fields
from gptoss_metal.server.logprobs import read_logprobs
from gptoss_metal.server.openai.chat_messages import read_messages
from gptoss_metal.server.openai.chat_tools import read_choice, read_tools
from gptoss_metal.server.openai.sampling import (
    MOST_CHOICES,
    MOST_TOKENS,
    choice_sampling,
    given,
    read_sampling,
)
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import TurnRequest

EFFORTS: Final[Mapping[str, str]] = {
    "none": "low",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""OpenAI's seven efforts; the model knows three, and cannot stop thinking altogether."""


@dataclass(frozen=True)
class ChatRequest:
    """What a client asks of ``/v1/chat/completions``.

    Attributes:
        turn: the model's turn.
        choices: how many answers.
        stream: whether the answer comes in pieces.
        include_usage: whether the stream ends with a chunk of usage.
        show_reasoning: whether the answer shows the model's thinking.
    """

    turn: TurnRequest
    choices: int
    stream: bool
    include_usage: bool
    show_reasoning: bool

    def turns(self) -> list[TurnRequest]:
        """One turn for each choice."""
        return [
            replace(self.turn, sampling=choice_sampling(self.turn.sampling, index))
            for index in range(self.choices)
        ]


def read_chat(body: Mapping[str, Any]) -> ChatRequest:
    """Reads a request; fields it does not know are left alone.

    Raises:
        Problem: a field that cannot be; its `param` names it.
    """
    fields = Fields(body)
    model = fields.required("model")
    _check_modalities(fields)
    tools, builtins = read_tools(fields)
    reasoning = fields.inner("reasoning")
    turn = TurnRequest(
        model=model,
        messages=read_messages(fields),
        tools=tools,
        tool_choice=read_choice(fields, tools, builtins),
        builtins=builtins,
        response_format=_response_format(fields),
        reasoning_effort=_effort(fields, reasoning),
        sampling=read_sampling(fields, read_logprobs(fields)),
        given=given(fields),
        max_tokens=_limit(fields),
        truncate=fields.choice("truncation", ("auto", "disabled")) == "auto",
    )
    fields.flag("parallel_tool_calls")
    return ChatRequest(
        turn=turn,
        choices=fields.integer("n", 1, MOST_CHOICES) or 1,
        stream=fields.flag("stream"),
        include_usage=fields.inner("stream_options").flag("include_usage"),
        show_reasoning=fields.flag("include_reasoning", True) and not reasoning.flag("exclude"),
    )


def _effort(fields: Fields, reasoning: Fields) -> str | None:
    options = tuple(EFFORTS)
    effort = fields.choice("reasoning_effort", options) or reasoning.choice("effort", options)
    return None if effort is None else EFFORTS[effort]


def _limit(fields: Fields) -> int | None:
    newer = fields.integer("max_completion_tokens", 1, MOST_TOKENS)
    older = fields.integer("max_tokens", 1, MOST_TOKENS)
    return older if newer is None else newer


def _response_format(fields: Fields) -> Mapping[str, Any] | None:
    wanted = fields.object("response_format")
    if wanted is None:
        return None
    inner = fields.inner("response_format")
    kind = inner.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise inner.wrong("type", "text, json_object or json_schema")
    if kind == "text":
        return None
    if kind == "json_schema":
        body = inner.inner("json_schema")
        body.required("name")
        body.text("description")
        if body.object("schema") is None:
            raise body.wrong("schema", "a JSON schema")
    return wanted


def _check_modalities(fields: Fields) -> None:
    if any(kind != "text" for kind in fields.items("modalities")) or fields.body.get("audio"):
        raise Problem(
            "[serve] gpt-oss speaks text only. Try: without modalities and audio.",
            param="modalities",
            code="unsupported_parameter",
        )
