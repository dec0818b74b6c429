"""A turn's events as the events of Anthropic's streams."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Citation,
    Done,
    Event,
    Reasoning,
    Text,
    ToolCall,
    ToolFinished,
    Usage,
)
from gptoss_metal.server.anthropic.effort import Display
from gptoss_metal.server.anthropic.messages import RAW
from gptoss_metal.server.anthropic.searches import (
    Json,
    citation,
    is_own,
    query_of,
    results,
    tool_use,
)
from gptoss_metal.server.anthropic.signature import sign

PING: Final[Json] = {"type": "ping"}


@dataclass
class Writer:
    """Writes one message.

    Attributes:
        model: the name that the client used.
        display: what the client sees of the reasoning.
        max_tokens: the client's limit.
        input_tokens: of the prompt, as far as known before the turn.
    """

    model: str
    display: Display
    max_tokens: int | None
    input_tokens: int = 0
    _index: int = field(default=-1, init=False)
    _open: str | None = field(default=None, init=False)
    _thinking: str = field(default="", init=False)
    _input: str = field(default="", init=False)
    _streamed: bool = field(default=False, init=False)
    _searches: int = field(default=0, init=False)

    def start(self) -> Json:
        """``message_start``."""
        message: Json = {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_body(Usage(self.input_tokens)),
        }
        return {"type": "message_start", "message": message}

    def read(self, event: Event) -> Iterator[Json]:
        """What an event of the turn becomes."""
        if isinstance(event, Reasoning):
            yield from self._reason(event.text)
        elif isinstance(event, Text):
            yield from self._enter("text", {"type": "text", "text": ""})
            yield self._delta("text_delta", text=event.text)
        elif isinstance(event, Citation) and self._open == "text":
            yield self._delta("citations_delta", citation=citation(event))
        elif isinstance(event, CallOpened) and not is_own(event.recipient):
            yield from self._enter(event.id, tool_use(event.id, event.name))
            self._input, self._streamed = "", False
        elif isinstance(event, CallDelta) and self._open == event.id:
            yield from self._argue(event.text)
        elif isinstance(event, ToolCall) and self._open == event.id:
            if not self._streamed:
                yield from self._late(event)
            yield from self._leave()
        elif isinstance(event, ToolFinished) and query_of(event) is not None:
            yield from self._search(event)
        elif isinstance(event, Done):
            yield from self._leave()
            yield self._end(event)
            yield {"type": "message_stop"}

    def _reason(self, text: str) -> Iterator[Json]:
        if self.display == "none":
            return
        opening = {"type": "thinking", "thinking": "", "signature": ""}
        yield from self._enter("thinking", opening)
        self._thinking += text
        if self.display == "shown":
            yield self._delta("thinking_delta", thinking=text)

    def _argue(self, text: str) -> Iterator[Json]:
        """Arguments are streamed once they look like an object; clients parse what they get."""
        self._input += text
        if not self._streamed and self._input.lstrip()[:1] != "{":
            return
        yield self._delta("input_json_delta", partial_json=text if self._streamed else self._input)
        self._streamed = True

    def _late(self, call: ToolCall) -> Iterator[Json]:
        """Arguments that are no object, in a form that is one."""
        if call.arguments.strip():
            text = json.dumps({RAW: call.arguments}, ensure_ascii=False)
            yield self._delta("input_json_delta", partial_json=text)

    def _search(self, event: ToolFinished) -> Iterator[Json]:
        """A search of the server's, and what it found."""
        id_ = f"srvtoolu_{event.call.id}"
        self._searches += 1
        yield from self._enter(id_, tool_use(id_, "web_search", "server_tool_use"))
        text = json.dumps({"query": query_of(event)}, ensure_ascii=False)
        yield self._delta("input_json_delta", partial_json=text)
        yield from self._enter(f"{id_}.", results(id_, event))
        yield from self._leave()

    def _enter(self, key: str, block: Json) -> Iterator[Json]:
        if self._open == key:
            return
        yield from self._leave()
        self._open, self._index = key, self._index + 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _leave(self) -> Iterator[Json]:
        if self._open is None:
            return
        if self._open == "thinking":
            signature = sign(self._thinking, omitted=self.display == "omitted")
            yield self._delta("signature_delta", signature=signature)
            self._thinking = ""
        self._open = None
        yield {"type": "content_block_stop", "index": self._index}

    def _delta(self, kind: str, **value: str | Json) -> Json:
        delta = {"type": kind, **value}
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _end(self, done: Done) -> Json:
        delta = {"stop_reason": self._stop_reason(done), "stop_sequence": done.stop}
        usage = usage_body(done.usage)
        if self._searches:
            usage["server_tool_use"] = {
                "web_search_requests": self._searches,
                "web_fetch_requests": 0,
            }
        return {"type": "message_delta", "delta": delta, "usage": usage}

    def _stop_reason(self, done: Done) -> str:
        if done.finish_reason == "tool_calls":
            return "tool_use"
        if done.finish_reason == "length":
            full = self.max_tokens is None or done.usage.completion_tokens < self.max_tokens
            return "model_context_window_exceeded" if full else "max_tokens"
        return "end_turn" if done.stop is None else "stop_sequence"


def usage_body(usage: Usage) -> Json:
    """Tokens, those of the prompt divided into cached and computed ones."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
