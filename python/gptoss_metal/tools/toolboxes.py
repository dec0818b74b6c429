"""The built-in tools of all conversations of a server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.tools import BuiltIn
from gptoss_metal.tools.toolbox import KEY, Makers, Toolbox


@dataclass
class _Kept:
    toolbox: Toolbox
    used: float
    busy: bool = True


class Toolboxes:
    """The toolboxes of a server's conversations; those unused for a while are closed in time.

    A conversation is known again by its messages: the last of the assistant's names its toolbox.

    Args:
        makers: makes tools.
        idle_seconds: how long an unused toolbox is kept.
        most: how many are kept at a time.
    """

    def __init__(self, makers: Makers, idle_seconds: float = 900.0, most: int = 16) -> None:
        self._makers = makers
        self._idle = idle_seconds
        self._most = most
        self._kept: dict[str, _Kept] = {}
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[BuiltIn, ...]:
        """The tools that are available."""
        return self._makers.names

    @contextlib.contextmanager
    def borrow(self, messages: Sequence[Message]) -> Iterator[Toolbox]:
        """The toolbox of a conversation, or a new one if it has none or it is in use."""
        kept = self._take(messages)
        try:
            yield kept.toolbox
        finally:
            with self._lock:
                kept.busy, kept.used = False, time.monotonic()
                closed = kept.toolbox.id not in self._kept
            if closed:  # by `close`; a call may have begun it anew
                kept.toolbox.close()
            self._close_idle()

    def close(self) -> None:
        """Closes them all, those in use, too."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
            self._set_timer(None)
        for item in kept:
            item.toolbox.close()

    def _close_idle(self) -> None:
        """Closes what was not used for a while, and what is too much; a timer does so again."""
        with self._lock:
            free = sorted(
                (item for item in self._kept.items() if not item[1].busy),
                key=lambda item: item[1].used,
            )
            surplus = len(self._kept) - self._most
            now = time.monotonic()
            old = [
                self._kept.pop(key).toolbox
                for number, (key, kept) in enumerate(free)
                if number < surplus or kept.used + self._idle <= now
            ]
            left = [kept.used + self._idle - now for kept in self._kept.values() if not kept.busy]
            self._set_timer(min(left, default=None))
        for toolbox in old:
            toolbox.close()

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else threading.Timer(seconds, self._close_idle)
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def _take(self, messages: Sequence[Message]) -> _Kept:
        keys = (m.get(KEY) for m in reversed(messages) if m.get("role") == "assistant")
        key = next((key for key in keys if isinstance(key, str)), "")
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.busy:
                toolbox = Toolbox(self._makers)
                kept = self._kept[toolbox.id] = _Kept(toolbox, time.monotonic())
            kept.busy = True
            return kept
