"""What the model generated, as it travels in a message's ``harmony`` field and comes back.

Replaying the ids themselves keeps the cache, and the history in the model's own words. Clients may
edit a message, though: each part is replayed only while it still says what the message says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.harmony.entries import Entry, thought_text, visible_text

Part = dict[str, Any]

_ROLES: Final = {"assistant": "assistant", "tool": "tool"}


def as_parts(entries: Sequence[Entry]) -> list[Part]:
    """Entries with tokens as JSON: what `read_parts` reads."""
    return [
        {
            "channel": entry.channel,
            "recipient": entry.recipient,
            "text": entry.text,
            "tokens": list(entry.tokens or ()),
        }
        for entry in entries
    ]


def read_parts(parts: Any, where: str) -> list[Entry]:
    """Reads a ``harmony`` field, also of a message that covers several turns.

    A part may be the result of a built-in tool (``role`` tool, ``author``), and final text may
    have been ``shown`` to the user with other words.

    Args:
        parts: the field.
        where: which message it belongs to, for the error.

    Raises:
        Error: it is not what `as_parts` writes.
    """
    try:
        return [
            Entry(
                _ROLES[part.get("role", "assistant")],
                str(part["text"]),
                str(part["channel"]),
                part.get("recipient"),
                part.get("author"),
                tokens=tuple(int(token) for token in part["tokens"]) or None,
                shown=part.get("shown"),
            )
            for part in parts
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Error(
            f"[chat] {where}: its harmony field was not written by gptoss-metal. "
            "Try: leave the field out."
        ) from None


def splice(
    parts: Sequence[Entry], reasoning: str, content: str, calls: Sequence[Entry]
) -> list[Entry]:
    """A message's entries: the generated parts where nothing was edited, new ones elsewhere.

    Args:
        parts: as generated.
        reasoning: what the message says was thought; empty if it does not tell, which keeps it.
        content: what the user reads.
        calls: the message's calls, with the client's ids.
    """
    thoughts = [part for part in parts if part.is_thought]
    said = [part for part in parts if part.role == "assistant" and part.recipient is None]
    spoken = [part for part in said if not part.is_thought]
    # A call with its result behind it was run here: clients know nothing of it.
    followers = [*parts[1:], None]
    made = [
        part
        for part, follower in zip(parts, followers, strict=True)
        if part.recipient is not None and (follower is None or follower.role != "tool")
    ]
    kept = [_same_call(call, made) for call in calls]
    same_thoughts = not reasoning or reasoning == thought_text(parts)
    same_words = content == visible_text(parts)
    if same_thoughts and same_words and [_key(e) for e in kept] == [_key(e) for e in made]:
        renamed = iter(kept)
        return [next(renamed) if any(part is m for m in made) else part for part in parts]
    if not same_thoughts:
        thoughts = [Entry("assistant", reasoning, "analysis")]
    if not same_words:
        channel = "commentary" if calls else "final"
        spoken = [Entry("assistant", content, channel)] if content else []
    return [*thoughts, *spoken, *kept]


def _same_call(call: Entry, made: Sequence[Entry]) -> Entry:
    """The generated call that says the same, under the client's id; else the client's."""
    for entry in made:
        if (entry.recipient, entry.text or call.text) == (call.recipient, call.text):
            return Entry(
                "assistant",
                entry.text,
                entry.channel,
                entry.recipient,
                tokens=entry.tokens,
                kind=call.kind,
                call=call.call,
            )
    return call


def _key(entry: Entry) -> tuple[str | None, tuple[int, ...] | None]:
    return entry.recipient, entry.tokens
