"""What all turns of a loop make together: one message, one usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gptoss_metal.events import Done, FinishReason, ToolCall, Usage
from gptoss_metal.harmony.entries import GAP
from gptoss_metal.harmony.messages import Message
from gptoss_metal.tools.browser.citations import Find, rewritten
from gptoss_metal.tools.toolbox import KEY, Result


class Story:
    """Gathers turns and results.

    Args:
        toolbox: the id of the toolbox they are run in.
        find: the page at a cursor, for citations.
    """

    def __init__(self, toolbox: str, find: Find) -> None:
        self._toolbox = toolbox
        self._find = find
        self._parts: list[dict[str, Any]] = []
        self._contents: list[str] = []
        self._thoughts: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._usages: list[Usage] = []
        self.messages: list[Message] = []
        """The turns and results so far, for the next turn's prompt."""

    def turn(self, done: Done, own: Sequence[ToolCall]) -> None:
        """Adds a turn.

        Args:
            done: its end.
            own: its calls of built-in tools, which clients do not see.
        """
        message = done.message
        self.messages.append(message)
        self._usages.append(done.usage)
        hidden = {call.id for call in own}
        self._calls = [c for c in message.get("tool_calls", ()) if c.get("id") not in hidden]
        self._thoughts.append(message.get("reasoning") or "")
        shown = []
        for part in message.get("harmony", ()):
            if part["channel"] == "final" and part["recipient"] is None:
                text = rewritten(part["text"], self._find)
                part = part if text == part["text"] else {**part, "shown": text}
            self._parts.append(part)
            if part["channel"] != "analysis" and part["recipient"] is None:
                shown.append(part.get("shown", part["text"]))
        self._contents.append(GAP.join(text for text in shown if text))

    def result(self, call: ToolCall, result: Result) -> None:
        """Adds what a tool said to a call of the last turn."""
        self.messages.append({"role": "tool", "tool_call_id": call.id, "content": result.output})
        channel = next(
            (p["channel"] for p in reversed(self._parts) if p["recipient"] == call.recipient),
            "analysis",
        )
        self._parts.append(
            {
                "role": "tool",
                "author": call.recipient,
                "channel": channel,
                "recipient": None,
                "text": result.output,
                "tokens": [],
            }
        )

    @property
    def generated(self) -> int:
        """Tokens of all turns."""
        return sum(usage.completion_tokens for usage in self._usages)

    def done(self, reason: FinishReason, stop: str | None) -> Done:
        """The end of the whole."""
        message: dict[str, Any] = {"role": "assistant", "content": _joined(self._contents)}
        if any(self._thoughts):
            message["reasoning"] = _joined(self._thoughts)
        if self._calls:
            message["tool_calls"] = self._calls
        message["harmony"] = self._parts
        message[KEY] = self._toolbox
        return Done(reason, _sum(self._usages), message, stop)


def _joined(texts: Sequence[str]) -> str:
    return GAP.join(text for text in texts if text)


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        prefill_seconds=sum(usage.prefill_seconds for usage in usages),
        decode_seconds=sum(usage.decode_seconds for usage in usages),
    )
