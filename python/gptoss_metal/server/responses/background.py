"""Responses that are made while nobody waits for them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, Protocol

from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.output import Wire

MOST_FINISHED: Final = 64


class Making(Protocol):
    """What makes a response, see `work.Work`."""

    body: dict[str, Any]

    def wires(self) -> AsyncGenerator[Wire, None]:
        """The response's events."""

    def fail(self, problem: Problem) -> list[Wire]:
        """Ends it before its time; returns its last events."""

    def cancel(self) -> list[Wire]:
        """Ends it because it is no longer wanted; returns its last events."""

    async def keep(self) -> None:
        """Stores the response as it is."""


class Live:
    """A response in the making: its events so far, for whoever follows it.

    Args:
        work: makes it; begins at once.
    """

    def __init__(self, work: Making) -> None:
        self.body = work.body
        """The response so far."""
        self._work = work
        self._wires: list[Wire] = []
        self._news = asyncio.Event()
        self._asked_to_stop = False
        self._task = asyncio.create_task(self._run())

    @property
    def done(self) -> bool:
        """Whether it is complete."""
        return self._task.done()

    async def cancel(self) -> None:
        """Ends it, unless it is complete; returns when it has ended."""
        if not self._asked_to_stop:
            self._asked_to_stop = True
            self._task.cancel()
        await asyncio.wait([self._task])

    async def follow(self, after: int = -1) -> AsyncGenerator[Wire, None]:
        """Its events, those to come too.

        Args:
            after: number of the last event that is known already.
        """
        place = after + 1
        while True:
            while place < len(self._wires):
                yield self._wires[place]
                place += 1
            if self.done:
                return
            await self._news.wait()

    async def _run(self) -> None:
        try:
            async with aclosing(self._work.wires()) as wires:
                async for wire in wires:
                    self._tell([wire])
        except asyncio.CancelledError:
            stopped = Problem("[serve] the server was stopped. Try: again.", "unavailable")
            last = self._work.cancel() if self._asked_to_stop else self._work.fail(stopped)
            self._tell(last)
            await self._work.keep()
        finally:
            self._news.set()

    def _tell(self, wires: list[Wire]) -> None:
        self._wires += wires
        self._news.set()
        self._news = asyncio.Event()


class Background:
    """The responses in the making, and the latest that are complete, by their ids."""

    def __init__(self) -> None:
        self._lives: OrderedDict[str, Live] = OrderedDict()

    def add(self, live: Live) -> None:
        """Keeps a response at hand; of the complete ones only the latest stay."""
        self._lives[live.body["id"]] = live
        finished = [id_ for id_, other in self._lives.items() if other.done]
        for id_ in finished[: max(0, len(finished) - MOST_FINISHED)]:
            del self._lives[id_]

    def get(self, id_: str) -> Live | None:
        """The response of that id, if it is at hand."""
        return self._lives.get(id_)

    async def drop(self, id_: str) -> None:
        """Ends a response, and lets go of it."""
        live = self._lives.pop(id_, None)
        if live is not None:
            await live.cancel()
