"""The engine: any number of requests over one model, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gptoss_metal.engine.desk import Desk
from gptoss_metal.engine.device import Device
from gptoss_metal.engine.disk.store import DiskStore
from gptoss_metal.engine.job import Job
from gptoss_metal.engine.limits import Limits
from gptoss_metal.engine.refusals import Busy, NoRoom, Unavailable
from gptoss_metal.engine.stats import Counters, State, Stats
from gptoss_metal.engine.steps import Step, Steps
from gptoss_metal.engine.stream import Feed, Stream
from gptoss_metal.model import Model


class Engine:
    """Computes requests on a thread of its own.

    Every method may be called from any thread, and returns at once unless it says that it waits.

    Args:
        load: opens the model; called on the engine's thread, at `start` and after an unload.
        limits: how much to take on.
        disk: where prefixes that leave memory go; None to forget them.
    """

    def __init__(
        self, load: Callable[[], Model], limits: Limits | None = None, disk: DiskStore | None = None
    ) -> None:
        self.limits: Final = limits or Limits()
        self._disk = disk
        self._counters = Counters()
        self._steps = Steps()
        self._desk = Desk(self.limits.keep_alive)
        self._device = Device(self._desk, load, self.limits, disk, self._counters, self._steps)

    def start(self) -> None:
        """Starts the thread, which loads the model."""
        with self._desk.changed:
            self._desk.state, self._desk.load_wanted = "loading", True
            self._device.start()

    def submit(self, job: Job) -> Stream:
        """Takes on a generation; it begins when there is a slot and memory for it.

        Raises:
            Busy: too many wait.
            NoRoom: it needs more memory than there is.
            Unavailable: the engine stops, or was not started.
            Error: its prompt or one of its numbers cannot be. Until the model was loaded once,
                NoRoom and Error come from the stream.
        """
        desk = self._desk
        try:
            if desk.facts is not None:
                desk.facts.check(job)
            with desk.changed:
                self._check_open()
                self._check_queue()
                feed = Feed(job, self._on_cancel)
                desk.waiting.append(feed)
                desk.keep_alive = self._seconds(job.keep_alive)
                self._counters.requests += 1
                desk.wake()
        except (Busy, NoRoom):
            self._counters.refused += 1
            raise
        return Stream(feed)

    @property
    def state(self) -> State:
        """``loading``, ``ready``, ``unloaded`` (the next request loads it), ``stopping`` (or
        stopped), or ``failed`` (the next request tries again)."""
        return self._desk.state

    @property
    def model(self) -> Model | None:
        """The model while it is loaded; whoever keeps it keeps its memory."""
        loaded = self._desk.loaded
        return loaded.model if loaded is not None else None

    def wait_ready(self, timeout: float | None = None) -> Model:
        """Loads the model if it is not loaded, and waits for it.

        Raises:
            Error: it cannot be loaded, the engine stops, or the time is over.
        """
        desk = self._desk
        with desk.changed:
            self._check_open()
            if desk.loaded is None:
                desk.load_wanted = True
                desk.wake()
            desk.changed.wait_for(lambda: desk.loaded or not desk.load_wanted, timeout)
            self._check_open()
            if desk.loaded is not None:
                return desk.loaded.model
            if desk.failure is not None and not desk.load_wanted:
                raise desk.failure
            raise Unavailable("[engine] the model is being loaded. Try: again later.")

    async def ready(self, timeout: float | None = None) -> Model:
        """`wait_ready` for asyncio."""
        return await asyncio.to_thread(self.wait_ready, timeout)

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Waits until nothing runs or waits; False if the time was over before."""
        with self._desk.changed:
            return self._desk.changed.wait_for(lambda: not self._desk.busy, timeout)

    def unload(self) -> None:
        """Unloads the model as soon as nothing runs; the next request loads it again."""
        with self._desk.changed:
            self._desk.unload_wanted = True
            self._desk.wake()

    def keep_alive(self, seconds: float | None) -> None:
        """Sets how long the model stays loaded without work, until a request says otherwise.

        Args:
            seconds: None for `Limits.keep_alive`, negative for ever.
        """
        with self._desk.changed:
            self._desk.keep_alive = self._seconds(seconds)
            self._desk.wake()

    @property
    def unloads_in(self) -> float | None:
        """Seconds until the model is unloaded if nothing comes; None if it is not to be."""
        desk = self._desk
        with desk.changed:
            if desk.loaded is None or desk.keep_alive < 0:
                return None
            return max(0.0, desk.keep_alive - desk.idle_seconds())

    def close(self, grace: float = 0.0) -> None:
        """Stops: refuses new requests, and waits until the thread has ended.

        Args:
            grace: seconds that running and waiting requests have to finish; the rest fails.
        """
        self._desk.stop(grace)
        if self._device.is_alive():
            self._device.join()

    async def stop(self, grace: float = 0.0) -> None:
        """`close` for asyncio."""
        await asyncio.to_thread(self.close, grace)

    def stats(self) -> Stats:
        """What was done, and what there is now."""
        desk, steps = self._desk, self._steps
        with desk.changed:
            loaded = desk.loaded
            return Stats(
                state=desk.state,
                running=len(loaded.batch.all()) if loaded else 0,
                waiting=len(desk.waiting),
                prefix_entries=loaded.prefixes.hot if loaded else 0,
                prefix_cold_entries=loaded.prefixes.cold if loaded else 0,
                cache_bytes=loaded.cache_bytes if loaded else 0,
                cache_limit=desk.facts.budget if desk.facts else 0,
                disk_bytes=self._disk.used if self._disk else 0,
                steps=steps.count,
                step_seconds=steps.seconds,
                step_p50=steps.quantile(0.5),
                step_p99=steps.quantile(0.99),
                **vars(self._counters),
            )

    def recent_steps(self) -> list[Step]:
        """The last steps, in order."""
        return list(self._steps.recent)

    def _seconds(self, keep_alive: float | None) -> float:
        return self.limits.keep_alive if keep_alive is None else keep_alive

    def _check_open(self) -> None:
        self._desk.check_open()
        if not self._device.is_alive():
            raise Unavailable("[engine] the engine was not started. Try: start it.")

    def _check_queue(self) -> None:
        desk = self._desk
        batch = desk.loaded.batch if desk.loaded is not None else None
        running = len(batch.all()) if batch is not None else 0
        if running + len(desk.waiting) >= self.limits.slots + self.limits.queue:
            outlook = batch.outlook() if batch is not None else ()
            raise Busy(len(desk.waiting), self._steps.retry_after(outlook))

    def _on_cancel(self, feed: Feed) -> None:
        """A reader wants no more: its place in the queue is free at once."""
        if self._desk.leave(feed):
            self._counters.cancelled += 1
        self._desk.wake()
