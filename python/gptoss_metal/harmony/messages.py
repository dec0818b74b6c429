"""A conversation as clients write it, read into harmony's messages.

Clients write OpenAI's dictionaries; harmony has one message per channel and call. `read_messages`
takes the first apart into the second, in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.harmony.entries import Entry, pair_results
from gptoss_metal.harmony.replay import read_parts, splice

Message = Mapping[str, Any]

_REASONING_KEYS: Final = ("reasoning", "reasoning_content", "thinking")
_TEXT_PARTS: Final = ("text", "input_text", "output_text", "reasoning_text", "refusal")
_ROLES: Final = "system, developer, user, assistant or tool"
_FUNCTIONS: Final = "functions."


@dataclass
class Dialogue:
    """A conversation: the instructions of its system and developer messages, and the rest."""

    instructions: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def read_messages(messages: Sequence[Message]) -> Dialogue:
    """Reads a conversation.

    Args:
        messages: dictionaries with ``role`` and ``content`` (a string, or a list of text parts).
            An assistant's may have ``reasoning`` (or ``reasoning_content``, ``thinking``),
            ``tool_calls`` (of functions and of custom tools) and ``harmony`` (see
            `gptoss_metal.Done`); a tool's has ``tool_call_id`` or ``name``.

    Returns:
        Its harmony messages; each result stands right behind its call.

    Raises:
        Error: no messages, or one that cannot be read.
    """
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Sequence):
        raise Error('[chat] messages are not a list. Try: [{"role": "user", "content": "Hello"}].')
    if not messages:
        raise Error('[chat] no messages. Try: [{"role": "user", "content": "Hello"}].')
    dialogue = Dialogue()
    callers: dict[str, Entry] = {}
    for number, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        where = f"message {number}"
        if role in ("system", "developer"):
            dialogue.instructions.append(_text(message.get("content"), where))
        elif role == "user":
            dialogue.entries.append(Entry("user", _text(message.get("content"), where)))
        elif role == "assistant":
            entries = _assistant(message, where)
            callers.update((entry.call, entry) for entry in entries if entry.call is not None)
            dialogue.entries.extend(entries)
        elif role == "tool":
            dialogue.entries.append(_result(message, where, callers))
        else:
            raise Error(f"[chat] {where} has the role {role!r}. Try: {_ROLES}.")
    dialogue.entries = pair_results(dialogue.entries)
    return dialogue


def _text(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise Error(f"[chat] {where}: the content is not text. Try: a string.")
    return "".join(_part(part, where) for part in content)


def _part(part: Any, where: str) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else None
    text = part.get("text", part.get("refusal")) if kind in _TEXT_PARTS else None
    if not isinstance(text, str):
        raise Error(
            f"[chat] {where} has a part of type {kind!r}, and gpt-oss reads text only. "
            'Try: {"type": "text", "text": …}.'
        )
    return text


def _assistant(message: Message, where: str) -> list[Entry]:
    calls = list(_calls(message.get("tool_calls"), where))
    content = _text(message.get("content"), where)
    told = next((message[key] for key in _REASONING_KEYS if message.get(key)), None)
    reasoning = _text(told, where)
    if message.get("harmony"):
        return splice(read_parts(message["harmony"], where), reasoning, content, calls)
    entries = [Entry("assistant", reasoning, "analysis")] if reasoning else []
    if content:
        entries.append(Entry("assistant", content, "commentary" if calls else "final"))
    return [*entries, *calls]


def _calls(calls: Any, where: str) -> Iterator[Entry]:
    if not isinstance(calls, Sequence | None) or isinstance(calls, str):
        raise Error(f"[chat] {where}: tool_calls is not a list. Try: a list of calls.")
    for call in calls or ():
        custom = isinstance(call, Mapping) and isinstance(call.get("custom"), Mapping)
        body = call.get("custom" if custom else "function") if isinstance(call, Mapping) else None
        name = body.get("name") if isinstance(body, Mapping) else None
        if not isinstance(body, Mapping) or not isinstance(name, str) or not name.strip():
            raise Error(
                f"[chat] {where} has a call without a function name. "
                'Try: {"id": …, "function": {"name": …, "arguments": …}}.'
            )
        recipient = "".join(str(call.get("recipient") or _FUNCTIONS + name).split())
        channel = "commentary" if recipient.startswith(_FUNCTIONS) else "analysis"
        text = _input(body, where) if custom else _arguments(body)
        id_ = call.get("id")
        yield Entry(
            "assistant",
            text,
            channel,
            recipient,
            kind="code" if custom else None,
            call=id_ if isinstance(id_, str) and id_ else None,
        )


def _arguments(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments") or "{}"
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _input(custom: Mapping[str, Any], where: str) -> str:
    text = custom.get("input") or ""
    if not isinstance(text, str):
        raise Error(f"[chat] {where}: a custom tool's input is not text. Try: a string.")
    return text


def _result(message: Message, where: str, callers: Mapping[str, Entry]) -> Entry:
    id_, name = message.get("tool_call_id"), message.get("name")
    caller = callers.get(id_) if isinstance(id_, str) else None
    author = caller.recipient if caller is not None else None
    if author is None and isinstance(name, str) and name.strip():
        author = "".join((name if "." in name else _FUNCTIONS + name).split())
    if author is None:
        raise Error(
            f"[chat] {where} answers no call: tool_call_id is {id_!r}. "
            "Try: the id of a call in an earlier assistant message."
        )
    channel = "commentary" if author.startswith(_FUNCTIONS) else "analysis"
    if caller is not None and not author.startswith(_FUNCTIONS):
        channel = caller.channel or channel  # a built-in tool answers where it was called
    text = _text(message.get("content"), where)
    call = caller.call if caller is not None else None
    return Entry("tool", text, channel, author=author, call=call)
