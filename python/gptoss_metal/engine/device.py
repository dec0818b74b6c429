"""The engine's thread: it loads the model, computes, and unloads it."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from typing import Final

from gptoss_metal.engine.batch import as_error
from gptoss_metal.engine.desk import IDLE_SPILL, Desk, Turn
from gptoss_metal.engine.disk.store import DiskStore
from gptoss_metal.engine.limits import Limits
from gptoss_metal.engine.loaded import Loaded
from gptoss_metal.engine.refusals import Unavailable
from gptoss_metal.engine.stats import Counters
from gptoss_metal.engine.steps import Steps
from gptoss_metal.engine.stream import Feed
from gptoss_metal.errors import Error
from gptoss_metal.model import Model

SPILL_SECONDS: Final = 30.0
"""The longest that unloading waits for prefixes to be written."""
_log = logging.getLogger(__name__)


class Device(threading.Thread):
    """Owns the device. Whatever happens on it, every stream ends.

    Args:
        desk: where requests come from.
        load: opens the model.
        limits: how much to take on.
        disk: where prefixes go; None to keep them in memory only.
        counters: what to count.
        steps: where steps are noted.
    """

    def __init__(
        self,
        desk: Desk,
        load: Callable[[], Model],
        limits: Limits,
        disk: DiskStore | None,
        counters: Counters,
        steps: Steps,
    ) -> None:
        super().__init__(name="gptoss-metal-engine", daemon=True)
        self._desk = desk
        self._open = load
        self._limits = limits
        self._disk = disk
        self._counters = counters
        self._steps = steps

    def run(self) -> None:
        """Works until the desk says stop."""
        desk = self._desk
        try:
            while (turn := desk.next_turn()) != "stop":
                try:
                    self._take(turn)
                except BaseException as error:  # nothing may end this thread but the desk
                    self._crash(error)
        finally:
            desk.stop(0)
            self._end_all(
                Unavailable(
                    "[engine] the server stopped before the answer was complete. Try: ask again."
                )
            )
            self._unload()

    def _take(self, turn: Turn) -> None:
        loaded = self._desk.loaded
        if loaded is None:
            self._load()
        elif turn == "work":
            self._work(loaded)
        elif turn == "unload":
            self._unload()
        else:
            loaded.prefixes.settle()
            if self._desk.idle_seconds() >= IDLE_SPILL:
                loaded.prefixes.spill()

    def _load(self) -> None:
        desk = self._desk
        desk.state = "loading"
        try:
            model = self._open()
            loaded = Loaded(model, self._limits, self._disk, desk.wake, self._counters, self._steps)
        except Exception as error:
            failure = as_error("[engine] the model could not be loaded", error)
            with desk.changed:
                desk.failure, desk.load_wanted = failure, False
                desk.state = "failed"
            self._end_all(failure)
            return
        self._counters.loads += 1
        with desk.changed:
            desk.loaded, desk.facts = loaded, loaded.facts
            desk.load_wanted = desk.unload_wanted = False
            desk.state = "ready"

    def _work(self, loaded: Loaded) -> None:
        loaded.prefixes.settle()
        loaded.batch.drop_cancelled()
        admitted = self._admit(loaded)
        self._desk.progressed = loaded.batch.step() or admitted

    def _admit(self, loaded: Loaded) -> bool:
        """Starts what waits, in order, as far as there are slots and memory."""
        desk, any_started = self._desk, False
        while len(loaded.batch.running) < self._limits.slots:
            with desk.changed:
                feed = desk.waiting[0] if desk.waiting else None
            if feed is None or not self._start(loaded, feed):
                break
            desk.leave(feed)  # unless it has left itself: then it runs, cancelled, and is dropped
            any_started = True
        return any_started

    def _start(self, loaded: Loaded, feed: Feed) -> bool:
        """Whether a request runs now, or is refused for good."""
        try:
            loaded.facts.check(feed.job)
            return loaded.batch.admit(feed)
        except Error as error:
            feed.end(error=as_error("", error))
            self._counters.failed += 1
            return True

    def _unload(self) -> None:
        with self._desk.changed:
            loaded, self._desk.loaded = self._desk.loaded, None
            self._desk.load_wanted = self._desk.unload_wanted = False
            self._desk.state = "unloaded"
        if loaded is not None:
            loaded.close(SPILL_SECONDS)

    def _crash(self, error: BaseException) -> None:
        """Ends every stream and drops whatever may be spoiled; the model is then loaded anew."""
        text = "".join(traceback.format_exception(error))  # a record with frames keeps sessions
        _log.error("[engine] an unexpected error; all requests fail\n%s", text)
        self._counters.crashes += 1
        self._end_all(as_error("[engine] the engine failed", error))
        with self._desk.changed:
            loaded, self._desk.loaded = self._desk.loaded, None
            self._desk.load_wanted = True
            self._desk.state = "failed"
        if loaded is not None:
            loaded.close(0)  # what is in memory may be spoiled

    def _end_all(self, error: Error) -> None:
        loaded = self._desk.loaded
        feeds = self._desk.leave_all()
        if loaded is not None:
            feeds += [sequence.feed for sequence in loaded.batch.all()]
            loaded.batch.close()
        for feed in feeds:
            self._counters.failed += not feed.ended
            feed.end(error=error)
