"""The messages of a Chat Completions request, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gptoss_metal.harmony.messages import Message
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem

ROLES: Final = ("system", "developer", "user", "assistant", "tool")
TEXT_PARTS: Final = ("text", "refusal")
_REASONING: Final = ("reasoning", "reasoning_content", "thinking")


def read_messages(fields: Fields) -> list[Message]:
    """The request's messages in the form a turn takes.

    Raises:
        Problem: none, or one that cannot be read; its `param` is the place.
    """
    given = fields.items("messages")
    if not given:
        raise Problem(
            '[serve] no messages. Try: [{"role": "user", "content": "Hello"}].', param="messages"
        )
    called: set[str] = set()
    return [_message(message, f"messages[{i}]", called) for i, message in enumerate(given)]


def _message(message: Any, place: str, called: set[str]) -> Message:
    if not isinstance(message, Mapping):
        raise Problem(f"[serve] {place} is no object. Try: role and content.", param=place)
    fields = Fields(message, f"{place}.")
    role = fields.choice("role", ROLES)
    if role is None:
        raise fields.wrong("role", ", ".join(ROLES))
    if role == "assistant":
        return _assistant(fields, called)
    out: dict[str, Any] = {"role": role, "content": _content(fields)}
    if role == "tool":
        id_ = fields.required("tool_call_id")
        if id_ not in called:
            raise Problem(
                f"[serve] {place} answers no call: there is no call {id_!r} before it. "
                "Try: the id of a call in an earlier assistant message.",
                param=f"{place}.tool_call_id",
            )
        out["tool_call_id"] = id_
    elif message.get("content") is None:
        raise fields.wrong("content", "a string, or a list of text parts")
    return out


def _content(fields: Fields) -> str:
    content = fields.body.get("content")
    if isinstance(content, str | None):
        return content or ""
    if not isinstance(content, list):
        raise fields.wrong("content", "a string, or a list of text parts")
    return "".join(_part(part, f"{fields.where}content[{i}]") for i, part in enumerate(content))


def _part(part: Any, place: str) -> str:
    fields = Fields(part if isinstance(part, Mapping) else {}, f"{place}.")
    kind = fields.text("type")
    if kind not in TEXT_PARTS:
        raise Problem(
            f"[serve] {place} is of type {kind!r}, and gpt-oss reads text only. "
            'Try: {"type": "text", "text": …}.',
            param=f"{place}.type",
            code="unsupported_content",
        )
    text = fields.text(kind)
    if text is None:
        raise fields.wrong(kind, "a string")
    return text


def _assistant(fields: Fields, called: set[str]) -> Message:
    calls = [_call(call, f"{fields.where}tool_calls[{i}]") for i, call in _calls(fields)]
    called.update(call["id"] for call in calls)
    out: dict[str, Any] = {"role": "assistant", "content": _content(fields)}
    reasoning = next((text for text in map(fields.text, _REASONING) if text), None)
    if reasoning:
        out["reasoning"] = reasoning
    if calls:
        out["tool_calls"] = calls
    if fields.body.get("harmony"):
        out["harmony"] = fields.items("harmony")
    return out


def _calls(fields: Fields) -> list[tuple[int, Any]]:
    return list(enumerate(fields.items("tool_calls")))


def _call(call: Any, place: str) -> dict[str, Any]:
    fields = Fields(call if isinstance(call, Mapping) else {}, f"{place}.")
    kind = fields.choice("type", ("function", "custom")) or "function"
    body = fields.inner(kind)
    name, text = body.required("name"), "arguments" if kind == "function" else "input"
    said = body.text(text)
    out = {"id": fields.required("id"), "type": kind, kind: {"name": name, text: said or ""}}
    recipient = fields.text("recipient")
    return {**out, "recipient": recipient} if recipient else out
