"""Harmony's messages, one per channel and call, and the rules of what a history keeps of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

GAP: Final = "\n\n"
"""Stands between two messages of a turn on the same side (thinking, or answer)."""


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
        kind: content type of a call; None for JSON to functions, code to built-in tools.
        call: the client's id of a call, or of the call that a result answers.
        shown: what the user read instead of `text`, e.g. with citations as links; None for `text`.
    """

    role: str
    text: str
    channel: str | None = None
    recipient: str | None = None
    author: str | None = None
    tokens: tuple[int, ...] | None = None
    kind: str | None = None
    call: str | None = None
    shown: str | None = None

    @property
    def is_droppable(self) -> bool:
        """Reasoning, built-in calls on its channel, and their results; never function calls."""
        functions = (self.recipient or self.author or "").startswith("functions.")
        return self.channel == "analysis" and not functions

    @property
    def is_thought(self) -> bool:
        """Reasoning that is no call."""
        return self.channel == "analysis" and self.recipient is None and self.role == "assistant"


def drop_analysis(entries: Sequence[Entry]) -> list[Entry]:
    """Leaves out reasoning that is over: all before the last ``final``; the rest stays.

    After the last ``final`` the model is in a tool loop and must see what it thought.
    """
    finals = [i for i, e in enumerate(entries) if e.role == "assistant" and e.channel == "final"]
    last = finals[-1] if finals else 0
    return [e for i, e in enumerate(entries) if i >= last or not e.is_droppable]


def pair_results(entries: Sequence[Entry]) -> list[Entry]:
    """Puts every result right behind its call; the model calls one tool at a time.

    A call's id counts from the call on, so clients may use an id again in a later turn.
    """
    behind: dict[int, list[Entry]] = {}
    latest: dict[str, int] = {}
    moved: set[int] = set()
    for place, entry in enumerate(entries):
        if entry.call is None:
            continue
        if entry.recipient is not None:
            latest[entry.call] = place
        elif entry.call in latest:
            behind.setdefault(latest[entry.call], []).append(entry)
            moved.add(place)
    return [
        part
        for place, entry in enumerate(entries)
        if place not in moved
        for part in (entry, *behind.get(place, ()))
    ]


def visible_text(entries: Sequence[Entry]) -> str:
    """What a user reads of an assistant's messages: preambles and finals, a blank line between."""
    spoken = (e for e in entries if e.role == "assistant" and e.recipient is None)
    texts = [e.text if e.shown is None else e.shown for e in spoken if e.channel != "analysis"]
    return GAP.join(text for text in texts if text)


def thought_text(entries: Sequence[Entry]) -> str:
    """What the assistant thought, a blank line between its messages."""
    return GAP.join(entry.text for entry in entries if entry.is_thought and entry.text)
