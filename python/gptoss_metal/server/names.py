"""Tool names as clients write them, and as the model does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gptoss_metal.events import CallOpened, Done, Event, ToolCall
from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.tools import Tool

LONGEST: Final = 64
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_]")


class Names:
    """Harmony's functions are identifiers; clients' tools may have dots, dashes and more.

    Every other character becomes ``_``; of two names that become the same one, the second gets a
    number. Names that are identifiers stay as they are.

    Args:
        names: of the request's tools, in their order.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._spoken: dict[str, str] = {}
        self._client: dict[str, str] = {}
        # Identifiers first: nobody may take their name.
        for name in sorted(names, key=lambda name: identifier(name) != name):
            if name not in self._spoken:
                spoken = self._free(identifier(name))
                self._spoken[name] = spoken
                self._client[spoken] = name

    def spoken(self, name: str) -> str:
        """The model's name of a tool, also of one that the request does not declare."""
        return self._spoken.get(name) or identifier(name)

    def client(self, name: str) -> str:
        """The client's name of a tool that the model calls."""
        return self._client.get(name, name)

    def tools(self, tools: Sequence[Tool]) -> list[Tool]:
        """The tools under the model's names."""
        return [replace(tool, name=self.spoken(tool.name)) for tool in tools]

    def messages(self, messages: Sequence[Message]) -> list[Message]:
        """A conversation with the calls under the model's names."""
        return [self._renamed(message, self.spoken) for message in messages]

    def event(self, event: Event) -> Event:
        """An event with its call under the client's name."""
        if isinstance(event, CallOpened | ToolCall):
            return replace(event, name=self.client(event.name))
        if isinstance(event, Done):
            return replace(event, message=dict(self._renamed(event.message, self.client)))
        return event

    def _free(self, wanted: str) -> str:
        number, found = 2, wanted
        while found in self._client:
            suffix = f"_{number}"
            found = wanted[: LONGEST - len(suffix)] + suffix
            number += 1
        return found

    def _renamed(self, message: Message, rename: Any) -> Message:
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            return {**message, "tool_calls": [_call(call, rename) for call in calls]}
        if message.get("role") == "tool" and isinstance(message.get("name"), str):
            return {**message, "name": rename(message["name"])}
        return message


def identifier(name: str) -> str:
    """A name of letters, digits and ``_`` that resembles it, at most 64 long."""
    return _FOREIGN.sub("_", name)[:LONGEST] or "_"


def _call(call: Any, rename: Any) -> Any:
    kind = "custom" if isinstance(call, Mapping) and "custom" in call else "function"
    body = call.get(kind) if isinstance(call, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(body.get("name"), str):
        return call  # the reader of messages says what is wrong with it
    recipient = call.get("recipient")
    if isinstance(recipient, str) and not recipient.startswith("functions."):
        return call  # a built-in tool: its name is its own
    return {**call, kind: {**body, "name": rename(body["name"])}}
