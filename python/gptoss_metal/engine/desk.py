"""Where requests and the engine's thread meet: the queue, and what is wanted of the thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final, Literal

from gptoss_metal.engine.facts import Facts
from gptoss_metal.engine.loaded import Loaded
from gptoss_metal.engine.refusals import Unavailable
from gptoss_metal.engine.stats import State
from gptoss_metal.engine.stream import Feed
from gptoss_metal.errors import Error

IDLE_SPILL: Final = 2.0
"""Seconds without work after which prefixes are written to disk, in case the process is killed."""
GLANCE: Final = 0.01
"""Seconds between two looks at sequences that all wait for something else than the device."""
Turn = Literal["load", "work", "tidy", "unload", "stop"]


class Desk:
    """The shared state; `changed` guards it, and no method of a Feed is called while it is held.

    Args:
        keep_alive: seconds without work until the model is unloaded; negative for never.

    Attributes:
        loaded: the model and all that belongs to it; None while it is unloaded.
        facts: the model's bounds, known since it was loaded first.
        failure: why it could not be loaded the last time.
        waiting: who waits for a slot, in order.
        progressed: whether the thread's last look at its work found something to do.
    """

    def __init__(self, keep_alive: float) -> None:
        self.changed: Final = threading.Condition()
        self.keep_alive = keep_alive
        self.loaded: Loaded | None = None
        self.facts: Facts | None = None
        self.failure: Error | None = None
        self.waiting: Final[deque[Feed]] = deque()
        self.progressed = True
        self.load_wanted = False
        self.unload_wanted = False
        self._state: State = "unloaded"
        self._stop_at: float | None = None
        self._woken = False
        self._idle_since: float | None = None
        self._tidy_at: float | None = None

    @property
    def state(self) -> State:
        """Of the engine."""
        return self._state if self._stop_at is None else "stopping"

    @state.setter
    def state(self, state: State) -> None:
        with self.changed:
            self._state = state
            self.changed.notify_all()

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return bool(self.waiting) or (self.loaded is not None and self.loaded.batch.busy)

    @property
    def stopping(self) -> bool:
        """Whether no more requests are taken."""
        return self._stop_at is not None

    def check_open(self) -> None:
        """Raises Unavailable if the engine stops."""
        if self.stopping:
            raise Unavailable("[engine] the server is stopping. Try: again when it is back.")

    def wake(self) -> None:
        """Makes the thread look at its work."""
        with self.changed:
            self._woken = True
            self.changed.notify_all()

    def leave(self, feed: Feed) -> bool:
        """Takes a request out of the queue, if it is still there."""
        with self.changed:
            if feed not in self.waiting:
                return False
            self.waiting.remove(feed)
            self.changed.notify_all()
            return True

    def leave_all(self) -> list[Feed]:
        """Empties the queue."""
        with self.changed:
            feeds = list(self.waiting)
            self.waiting.clear()
            self.changed.notify_all()
        return feeds

    def stop(self, grace: float) -> None:
        """Takes no more requests, and lets those there are run for `grace` seconds."""
        with self.changed:
            if self._stop_at is None:
                self._stop_at = time.monotonic() + grace
            self.wake()

    def idle_seconds(self) -> float:
        """How long there was nothing to do."""
        since = self._idle_since
        return time.monotonic() - since if since is not None else 0.0

    def next_turn(self) -> Turn:
        """Waits until there is something for the thread to do."""
        with self.changed:
            while True:
                turn, seconds = self._decide(time.monotonic())
                if turn is not None:
                    self._woken = False
                    return turn
                self.changed.wait(seconds)

    def _decide(self, now: float) -> tuple[Turn | None, float | None]:
        """What to do now; or None, and how long to wait for a change."""
        if self._stop_at is not None and (not self.busy or now >= self._stop_at):
            return "stop", None
        if self.loaded is None:
            return ("load" if self.load_wanted or self.waiting else None), None
        if self.busy:
            self._idle_since = None
            if not (self.progressed or self._woken):
                self.changed.wait(GLANCE)
            return "work", None
        return self._decide_idle(now)

    def _decide_idle(self, now: float) -> tuple[Turn | None, float | None]:
        if self._idle_since is None:
            self._idle_since, self._tidy_at = now, now + IDLE_SPILL
            self.changed.notify_all()
        unload_at = self._idle_since + self.keep_alive if self.keep_alive >= 0 else None
        if self.unload_wanted or (unload_at is not None and now >= unload_at):
            return "unload", None
        if self._woken or (self._tidy_at is not None and now >= self._tidy_at):
            self._tidy_at = self._tidy_at if self._woken else None
            return "tidy", None
        times = [at - now for at in (unload_at, self._tidy_at) if at is not None]
        return None, min(times, default=None)
