"""A whole Chat Completions answer, from a turn's events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from gptoss_metal.events import (
    CallOpened,
    Citation,
    Done,
    Event,
    Reasoning,
    Text,
    Token,
    ToolCall,
    Usage,
)
from gptoss_metal.server.openai.chat_request import ChatRequest
from gptoss_metal.server.openai.parts import Stamp, finish_reason, logprobs_body, usage_body
from gptoss_metal.server.served import Served


@dataclass(frozen=True)
class Choice:
    """One answer, and what it took."""

    body: dict[str, Any]
    usage: Usage


async def collect(
    events: AsyncGenerator[Event, None], index: int, request: ChatRequest, served: Served
) -> Choice:
    """Follows a turn to its end.

    Raises:
        Problem: the turn failed.
    """
    texts: list[str] = []
    reasoning: list[str] = []
    tokens: list[Token] = []
    calls: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    done: Done | None = None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Text):
                texts.append(event.text)
                tokens += event.tokens
            elif isinstance(event, Reasoning):
                reasoning.append(event.text)
            elif isinstance(event, ToolCall) and not is_builtin(event, request):
                calls.append(call_body(event))
            elif isinstance(event, Citation):
                notes.append(annotation(event))
            elif isinstance(event, Done):
                done = event
    assert done is not None, "a turn ends with Done"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": None,
        "annotations": notes,
    }
    if reasoning and request.show_reasoning:
        message |= {"reasoning": "".join(reasoning), "reasoning_content": "".join(reasoning)}
    if calls:
        message["tool_calls"] = calls
    wanted = request.turn.sampling.logprobs is not None
    told = logprobs_body(tokens, served.model.vocabulary) if wanted else []
    body = {
        "index": index,
        "message": message,
        "finish_reason": finish_reason(done.finish_reason),
        "logprobs": {"content": told, "refusal": None} if wanted else None,
    }
    return Choice(body, done.usage)


def answer(choices: list[Choice], stamp: Stamp) -> dict[str, Any]:
    """The response's body."""
    usage = usage_body([choice.usage for choice in choices])
    return stamp.body("chat.completion", [choice.body for choice in choices], usage=usage)


def call_body(call: ToolCall) -> dict[str, Any]:
    """A tool call, as in ``message.tool_calls``."""
    if call.freeform:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def annotation(citation: Citation) -> dict[str, Any]:
    """A source of the answer, as in ``message.annotations``."""
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": citation.start,
            "end_index": citation.end,
            "url": citation.url,
            "title": citation.title,
        },
    }


def is_builtin(call: ToolCall | CallOpened, request: ChatRequest) -> bool:
    """Whether the server itself runs the call, so that the client is not to see it."""
    return bool(request.turn.builtins) and not call.recipient.startswith("functions.")
