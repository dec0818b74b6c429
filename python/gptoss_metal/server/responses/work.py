"""A response while it is made."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from gptoss_metal.errors import Error
from gptoss_metal.events import Done, Event
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.responses import body as response_body
from gptoss_metal.server.responses.asked import ENCRYPTED, OUTPUTS, SOURCES, Asked
from gptoss_metal.server.responses.body import Body
from gptoss_metal.server.responses.history import Answer, ChatMessage
from gptoss_metal.server.responses.ids import new_id
from gptoss_metal.server.responses.logprobs import Speller
from gptoss_metal.server.responses.office import Office
from gptoss_metal.server.responses.output import Wire
from gptoss_metal.server.responses.store import Stored
from gptoss_metal.server.responses.writer import Writer
from gptoss_metal.server.streaming import sse

log = logging.getLogger(__name__)

LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


class Work:
    """Makes one response.

    Args:
        asked: the request.
        turn: what the model does.
        office: where it is kept.
    """

    def __init__(self, asked: Asked, turn: AsyncGenerator[Event, None], office: Office) -> None:
        self._asked = asked
        self._turn = turn
        self._office = office
        self._messages: list[ChatMessage] = []
        status: response_body.Status = "queued" if asked.background else "in_progress"
        self.body: Body = response_body.opened(new_id("resp"), asked.echo, status)
        """The response so far."""
        self._writer = Writer(
            self.body,
            asked.toolset,
            sources=SOURCES in asked.include,
            outputs=OUTPUTS in asked.include,
            seal=office.seal if ENCRYPTED in asked.include else None,
            spell=Speller(office.served.model.vocabulary),
        )

    async def complete(self) -> Body:
        """The whole response.

        Raises:
            Problem: the turn failed.
        """
        async with aclosing(self._turn):
            async for event in self._turn:
                self._take(event)
        await self.keep()
        return self.body

    async def wires(self) -> AsyncGenerator[Wire, None]:
        """The response's events; a turn that fails ends with ``response.failed``."""
        for wire in self._writer.begin():
            yield wire
        try:
            async with aclosing(self._turn):
                async for event in self._turn:
                    wires = self._take(event)
                    if wires and wires[-1]["type"] in LAST:
                        await self.keep()  # who reads the last event may go on from it at once
                    for wire in wires:
                        yield wire
        except Exception as error:
            for wire in self.fail(as_problem(error)):
                yield wire
            await self.keep()

    def fail(self, problem: Problem) -> list[Wire]:
        """Ends the response before its time; returns its last events."""
        return list(self._writer.fail(problem))

    def cancel(self) -> list[Wire]:
        """Ends the response because it is no longer wanted; returns its last events."""
        return list(self._writer.cancel())

    async def keep(self) -> None:
        """Remembers the response, and stores it if it shall be.

        An answer that cannot be stored is not lost: the client has it, and the log the reason.
        """
        self._office.recall.keep(Answer(self.body["output"], self._messages))
        if self._asked.store:
            try:
                await asyncio.to_thread(self._office.store.put, self.stored())
            except (Error, sqlite3.Error) as problem:
                log.error("a response was not stored: %s", problem)

    def stored(self) -> Stored:
        """The response as the store keeps it."""
        return Stored(self.body, self._asked.items, self._messages, self._asked.previous)

    def _take(self, event: Event) -> list[Wire]:
        if isinstance(event, Done):
            self._messages = [event.message]
        return list(self._writer.read(event))


async def encoded(wires: AsyncGenerator[Wire, None]) -> AsyncGenerator[bytes, None]:
    """Events as they are sent."""
    async with aclosing(wires):
        async for wire in wires:
            yield sse(json.dumps(wire, ensure_ascii=False, separators=(",", ":")), wire["type"])
