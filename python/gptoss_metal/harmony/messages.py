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

Message = Mapping[str, Any]

_REASONING_KEYS: Final = ("reasoning", "reasoning_content", "thinking")
_TEXT_PARTS: Final = ("text", "input_text", "output_text", "reasoning_text", "refusal")
_ROLES: Final = "system, developer, user, assistant or tool"


@dataclass(frozen=True)
class Entry:
    """One harmony message.

    Attributes:
        role: ``user``, ``assistant`` or ``tool``.
        text: its content.
        channel: ``analysis``, ``commentary``, ``final``; None for users.
        recipient: of an assistant's call, e.g. ``functions.get_weather``.
        author: of a tool's result, e.g. ``functions.get_weather``.
        tokens: the ids it was generated as, ``<|start|>`` first; they are replayed.
    """

    role: str
    text: str
    channel: str | None = None
    recipient: str | None = None
    author: str | None = None
    tokens: tuple[int, ...] | None = None

    @property
    def is_droppable(self) -> bool:
        """Reasoning, built-in calls on its channel, and their results; never function calls."""
        functions = (self.recipient or self.author or "").startswith("functions.")
        return self.channel == "analysis" and not functions


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
            ``tool_calls`` and ``harmony`` (see `gptoss_metal.Done`); a tool's has
            ``tool_call_id`` or ``name``.

    Raises:
        Error: no messages, or one that cannot be read.
    """
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Sequence):
        raise Error('[chat] messages are not a list. Try: [{"role": "user", "content": "Hello"}].')
    if not messages:
        raise Error('[chat] no messages. Try: [{"role": "user", "content": "Hello"}].')
    dialogue = Dialogue()
    callers: dict[str, str] = {}
    for number, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        where = f"message {number}"
        if role in ("system", "developer"):
            dialogue.instructions.append(_text(message.get("content"), where))
        elif role == "user":
            dialogue.entries.append(Entry("user", _text(message.get("content"), where)))
        elif role == "assistant":
            dialogue.entries.extend(_assistant(message, where, callers))
        elif role == "tool":
            dialogue.entries.append(_result(message, where, callers))
        else:
            raise Error(f"[chat] {where} has the role {role!r}. Try: {_ROLES}.")
    return dialogue


def drop_analysis(entries: Sequence[Entry]) -> list[Entry]:
    """Leaves out reasoning that is over: all before the last ``final``; the rest stays.

    After the last ``final`` the model is in a tool loop and must see what it thought.
    """
    finals = [i for i, e in enumerate(entries) if e.role == "assistant" and e.channel == "final"]
    last = finals[-1] if finals else 0
    return [e for i, e in enumerate(entries) if i >= last or not e.is_droppable]


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


def _assistant(message: Message, where: str, callers: dict[str, str]) -> Iterator[Entry]:
    calls = list(_calls(message.get("tool_calls"), where))
    callers.update((id_, entry.recipient or "") for id_, entry in calls if id_)
    content = _text(message.get("content"), where)
    replay = message.get("harmony")
    if replay:
        entries = [_replayed(part, where) for part in replay]
        if _says(entries, content, [entry for _, entry in calls]):
            yield from entries
            return
    reasoning = next((message[k] for k in _REASONING_KEYS if message.get(k)), None)
    if reasoning:
        yield Entry("assistant", _text(reasoning, where), "analysis")
    if content:
        yield Entry("assistant", content, "commentary" if calls else "final")
    for _, entry in calls:
        yield entry


def _calls(calls: Any, where: str) -> Iterator[tuple[str | None, Entry]]:
    if not isinstance(calls, Sequence | None) or isinstance(calls, str):
        raise Error(f"[chat] {where}: tool_calls is not a list. Try: a list of calls.")
    for call in calls or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str) or not name.strip():
            raise Error(
                f"[chat] {where} has a call without a function name. "
                'Try: {"id": …, "function": {"name": …, "arguments": …}}.'
            )
        arguments = function.get("arguments") or "{}"
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        recipient = call.get("recipient") or f"functions.{name}"
        channel = "commentary" if recipient.startswith("functions.") else "analysis"
        yield call.get("id"), Entry("assistant", arguments, channel, "".join(recipient.split()))


def _result(message: Message, where: str, callers: Mapping[str, str]) -> Entry:
    id_, name = message.get("tool_call_id"), message.get("name")
    author = callers.get(id_) if isinstance(id_, str) else None
    if author is None and isinstance(name, str) and name.strip():
        author = name if "." in name else f"functions.{name}"
    if author is None:
        raise Error(
            f"[chat] {where} answers no call: tool_call_id is {id_!r}. "
            "Try: the id of a call in an earlier assistant message."
        )
    channel = "commentary" if author.startswith("functions.") else "analysis"
    text = _text(message.get("content"), where)
    return Entry("tool", text, channel, author="".join(author.split()))


def _replayed(part: Any, where: str) -> Entry:
    try:
        tokens = tuple(int(token) for token in part["tokens"])
        return Entry(
            "assistant", part["text"], part["channel"], part.get("recipient"), tokens=tokens
        )
    except (KeyError, TypeError, ValueError):
        raise Error(
            f"[chat] {where}: its harmony field was not written by gptoss-metal. "
            "Try: leave the field out."
        ) from None


def _says(entries: Sequence[Entry], content: str, calls: Sequence[Entry]) -> bool:
    """Whether the replay says what the message says, which a client may have edited."""
    told = visible_text(entries)
    made = [(e.recipient, e.text or "{}") for e in entries if e.recipient is not None]
    return told == content and made == [(call.recipient, call.text) for call in calls]


def visible_text(entries: Sequence[Entry]) -> str:
    """What a user reads of an assistant's messages: preambles and finals, a blank line between."""
    texts = [e.text for e in entries if e.recipient is None and e.channel != "analysis"]
    return "\n\n".join(text for text in texts if text)
