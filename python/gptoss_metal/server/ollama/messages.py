"""Ollama's messages as Chat Completions' ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem

ROLES: Final = ("system", "developer", "user", "assistant", "tool")
RAW: Final = "raw"
"""The key under which arguments travel that are no JSON object."""


@dataclass
class _Open:
    """Calls that await their results: ids by name, in order."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def add(self, id_: str, name: str) -> None:
        self.calls.append((id_, name))
        self.known.add(id_)

    def take(self, id_: str | None, name: str | None) -> str | None:
        """The id that a result belongs to; Ollama's older clients tell only the tool's name."""
        if id_ is not None and id_ in self.known:
            self.calls = [call for call in self.calls if call[0] != id_]
            return id_
        for call in self.calls:
            if name is None or call[1] == name:
                self.calls.remove(call)
                return call[0]
        return None


def read_messages(fields: Fields) -> list[Message]:
    """The request's messages.

    Calls without an id get one; a tool's result belongs to ``tool_call_id``, or else to the first
    open call of ``tool_name``, or else to the first open call.

    Raises:
        Problem: a message that cannot be read, or that has images.
    """
    waiting = _Open()
    return [_message(item, i, waiting) for i, item in enumerate(fields.items("messages"))]


def read_tools(fields: Fields) -> list[Tool]:
    """The functions that the client runs.

    Raises:
        Problem: one that cannot be read, or two of one name.
    """
    tools: dict[str, Tool] = {}
    for i, item in enumerate(fields.items("tools")):
        outer = Fields(item if isinstance(item, Mapping) else {}, f"tools[{i}].")
        outer.choice("type", ("function",))
        inner = outer.inner("function")
        name = inner.required("name")
        if name in tools:
            raise Problem(f"[serve] two tools are named {name}. Try: rename one.", param="tools")
        tools[name] = Tool(name, inner.text("description") or "", inner.object("parameters"))
    return list(tools.values())


def refuse_images(fields: Fields) -> None:
    """Raises Problem if there are images."""
    if fields.items("images"):
        raise Problem(
            f"[serve] {fields.where}images: gpt-oss reads text only. Try: without images.",
            param=f"{fields.where}images",
        )


def arguments_object(text: str) -> dict[str, Any]:
    """A call's arguments as the object that Ollama's clients expect.

    Whatever the model wrote instead of an object comes as ``{"raw": text}``.
    """
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {RAW: text}


def _message(item: Any, number: int, waiting: _Open) -> Message:
    place = f"messages[{number}]"
    if not isinstance(item, Mapping):
        raise Problem(f"[serve] {place} is no object. Try: role and content.", param=place)
    fields = Fields(item, f"{place}.")
    role = fields.choice("role", ROLES)
    if role is None:
        raise fields.wrong("role", ", ".join(ROLES))
    refuse_images(fields)
    out: dict[str, Any] = {"role": role, "content": fields.text("content") or ""}
    if role == "assistant":
        if thinking := fields.text("thinking"):
            out["reasoning"] = thinking
        calls = [_call(call, f"{place}.tool_calls[{i}]", waiting) for i, call in _calls(fields)]
        if calls:
            out["tool_calls"] = calls
    if role == "tool":
        out |= _result(fields, place, waiting)
    return out


def _calls(fields: Fields) -> list[tuple[int, Any]]:
    return list(enumerate(fields.items("tool_calls")))


def _call(call: Any, place: str, waiting: _Open) -> dict[str, Any]:
    fields = Fields(call if isinstance(call, Mapping) else {}, f"{place}.")
    function = fields.inner("function")
    name, arguments = function.required("name"), function.body.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, str | Mapping):
        raise function.wrong("arguments", "an object")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    if isinstance(arguments, Mapping) and list(arguments) == [RAW]:
        text = str(arguments[RAW])
    id_ = fields.text("id") or f"call_{place}"
    waiting.add(id_, name)
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}


def _result(fields: Fields, place: str, waiting: _Open) -> dict[str, Any]:
    name = fields.text("tool_name") or fields.text("name")
    id_ = waiting.take(fields.text("tool_call_id"), name)
    if id_ is not None:
        return {"tool_call_id": id_}
    if name is not None:
        return {"name": name}
    raise Problem(
        f"[serve] {place} answers no call. Try: the tool_name of a call in an earlier message.",
        param=place,
    )
