"""A generation on its way from the engine's thread to whoever reads it."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gptoss_metal.engine.job import Job
from gptoss_metal.events import FinishReason
from gptoss_metal.generation import Progress, Sampled


@dataclass(frozen=True)
class _Item:
    sampled: Sampled
    seconds: float
    reason: FinishReason | None


class Feed:
    """The engine's end: tokens go in, and never wait for the reader.

    Args:
        job: what is generated.
        on_cancel: called, on any thread, when the reader wants no more.
    """

    def __init__(self, job: Job, on_cancel: Callable[[Feed], None]) -> None:
        self.job = job
        self.progress = Progress(prompt_tokens=len(job.prompt))
        """As far as the reader has read."""
        self.cancelled = False
        """Whether the reader wants no more."""
        self._on_cancel = on_cancel
        self._changed = threading.Condition()
        self._items: deque[_Item] = deque()
        self._ended = False
        self._reason: FinishReason | None = None
        self._error: BaseException | None = None
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def put(self, sampled: Sampled, seconds: float, reason: FinishReason | None) -> None:
        """Hands over a token; the last one has a reason, and ends the stream."""
        with self._changed:
            if not self._ended:
                self._items.append(_Item(sampled, seconds, reason))
                self._ended = reason is not None
            self._wake()

    def end(self, reason: FinishReason | None = None, error: BaseException | None = None) -> None:
        """Ends the stream behind the tokens that were put; an ended one stays as it ended."""
        with self._changed:
            if not self._ended:
                self._ended, self._reason, self._error = True, reason, error
            self._wake()

    @property
    def ended(self) -> bool:
        """Whether nothing more will be put."""
        return self._ended

    def cancel(self) -> None:
        """Wants no more; from any thread."""
        with self._changed:
            over = self._ended or self.cancelled
            self.cancelled = True
        if not over:
            self.end("cancelled")
            self._on_cancel(self)

    def take(self) -> Sampled | None:
        """The next token; waits for it. None at the end.

        Raises:
            Error: the generation failed.
        """
        with self._changed:
            while not self._items and not self._ended:
                self._changed.wait()
            return self._next()

    def take_now(self) -> tuple[bool, Sampled | None]:
        """Whether there is a token, or the end, already; and what `take` would return."""
        with self._changed:
            if not self._items and not self._ended:
                return False, None
            return True, self._next()

    def arrival(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """A future of that loop, done when `take_now` has something."""
        future = loop.create_future()
        with self._changed:
            self._waiters.append((loop, future))
            if self._items or self._ended:
                self._wake()
        return future

    def _next(self) -> Sampled | None:
        if self._items:
            item = self._items.popleft()
            self.progress.add(item.sampled, item.seconds, item.reason)
            return item.sampled
        if self._reason is not None:
            self.progress.finish_reason = self._reason
            self._reason = None  # what a reader sets later stays
        if self._error is not None:
            raise self._error
        return None

    def _wake(self) -> None:
        self._changed.notify_all()
        waiters, self._waiters = self._waiters, []
        for loop, future in waiters:
            try:
                loop.call_soon_threadsafe(_set, future)
            except RuntimeError:
                continue  # the loop was closed: nobody waits there any more


class Stream:
    """The reader's end: iterates over the tokens, in a thread or in asyncio.

    Dropping it, closing it, or cancelling the task that waits for it cancels the generation, which
    frees its memory after the step that is being computed. Tokens wait for a slow reader; they
    never make another one wait.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.progress = feed.progress
        """Tokens and times as far as they were read."""
        weakref.finalize(self, feed.cancel).atexit = False

    def cancel(self) -> None:
        """Ends the generation, from any thread: ``finish_reason`` becomes ``cancelled``.

        What was generated before can still be read.
        """
        self._feed.cancel()

    def close(self) -> None:
        """Abandons the rest."""
        self._feed.cancel()

    async def aclose(self) -> None:
        """Abandons the rest; returns at once."""
        self._feed.cancel()

    def __iter__(self) -> Stream:
        """Iterates over itself."""
        return self

    def __next__(self) -> Sampled:
        """Waits for the next token.

        Raises:
            Error: the generation failed.
        """
        sampled = self._feed.take()
        if sampled is None:
            raise StopIteration
        return sampled

    def __aiter__(self) -> Stream:
        """Iterates over itself."""
        return self

    async def __anext__(self) -> Sampled:
        """Waits for the next token without blocking the event loop.

        Raises:
            Error: the generation failed.
        """
        loop = asyncio.get_running_loop()
        while True:
            there, sampled = self._feed.take_now()
            if there:
                break
            try:
                await self._feed.arrival(loop)
            except asyncio.CancelledError:
                self._feed.cancel()
                raise
        if sampled is None:
            raise StopAsyncIteration
        return sampled


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
