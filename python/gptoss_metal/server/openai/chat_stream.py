"""Chat Completions' chunks, from a turn's events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Citation,
    Done,
    Event,
    Reasoning,
    Text,
    Token,
    Usage,
)
from gptoss_metal.server.openai.chat_answer import annotation, is_builtin
from gptoss_metal.server.openai.chat_request import ChatRequest
from gptoss_metal.server.openai.merge import merge
from gptoss_metal.server.openai.parts import (
    Stamp,
    finish_reason,
    logprobs_body,
    usage_body,
)
from gptoss_metal.server.openai.parts import event as chunk_event
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.served import Served
from gptoss_metal.server.shapes import openai_error
from gptoss_metal.server.streaming import sse

KIND: Final = "chat.completion.chunk"
LAST: Final = sse("[DONE]")


class ChoiceStream:
    """The deltas of one choice.

    Args:
        index: of the choice.
        request: what was asked for.
        served: the server.
    """

    def __init__(self, index: int, request: ChatRequest, served: Served) -> None:
        self._index = index
        self._request = request
        self._served = served
        self._calls: dict[str, int] = {}
        self._form = ("function", "arguments")

    def opening(self) -> dict[str, Any]:
        """The first delta, which has the role."""
        return self._choice({"role": "assistant", "content": "", "refusal": None})

    def read(self, event: Event) -> list[dict[str, Any]]:
        """The choices to send for an event; the last one has the finish reason."""
        if isinstance(event, Text):
            return [self._choice({"content": event.text}, event.tokens)]
        if isinstance(event, Reasoning):
            shown = {"reasoning": event.text, "reasoning_content": event.text}
            return [self._choice(shown)] if self._request.show_reasoning else []
        if isinstance(event, CallOpened) and not is_builtin(event, self._request):
            return [self._opened(event)]
        if isinstance(event, CallDelta) and event.id in self._calls:
            return [self._argument(event)]
        if isinstance(event, Citation):
            return [self._choice({"annotations": [annotation(event)]})]
        if isinstance(event, Done):
            return [{**self._choice({}), "finish_reason": finish_reason(event.finish_reason)}]
        return []

    def _opened(self, event: CallOpened) -> dict[str, Any]:
        """The delta that begins a call.

        OpenAI's document describes deltas of functions only, but its API sends a custom tool's
        call in the form of whole answers, ``custom`` with ``name`` and pieces of ``input``
        (github.com/openai/openai-openapi/issues/576). We do the same. The Node library adds the
        pieces up; the Python library does too, leaves ``custom`` a dictionary, and fails in
        ``get_final_completion`` only. Sent as a function, both would take plain text for JSON, and
        a client could not tell the two kinds of tools apart.
        """
        number = self._calls[event.id] = len(self._calls)
        self._form = ("custom", "input") if event.freeform else ("function", "arguments")
        kind, text = self._form
        call = {"index": number, "id": event.id, "type": kind, kind: {"name": event.name, text: ""}}
        return self._choice({"tool_calls": [call]})

    def _argument(self, event: CallDelta) -> dict[str, Any]:
        kind, text = self._form
        call = {"index": self._calls[event.id], kind: {text: event.text}}
        return self._choice({"tool_calls": [call]})

    def _choice(self, delta: dict[str, Any], tokens: Sequence[Token] = ()) -> dict[str, Any]:
        logprobs = None
        if tokens:
            told = logprobs_body(tokens, self._served.model.vocabulary)
            logprobs = {"content": told, "refusal": None}
        return {"index": self._index, "delta": delta, "finish_reason": None, "logprobs": logprobs}


async def chunks(
    streams: Sequence[AsyncGenerator[Event, None]],
    request: ChatRequest,
    stamp: Stamp,
    served: Served,
) -> AsyncGenerator[bytes, None]:
    """The response's body: server-sent events, ``[DONE]`` last.

    A turn that fails ends the stream with an error object instead.
    """
    choices = [ChoiceStream(i, request, served) for i in range(len(streams))]
    usages: dict[int, Usage] = {}
    nothing = {"usage": None} if request.include_usage else {}

    def chunk(choice: dict[str, Any]) -> bytes:
        return chunk_event(stamp.body(KIND, [choice], **nothing))

    try:
        async with aclosing(merge(streams)) as events:
            for choice in choices:
                yield chunk(choice.opening())
            async for number, event in events:
                for said in choices[number].read(event):
                    yield chunk(said)
                if isinstance(event, Done):
                    usages[number] = event.usage
    except Exception as error:
        problem: Problem = as_problem(error)
        yield chunk_event(openai_error(problem))
        return
    if request.include_usage:
        usage = usage_body([usages[number] for number in sorted(usages)])
        yield chunk_event(stamp.body(KIND, [], usage=usage))
    yield LAST
