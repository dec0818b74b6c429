"""The turn engine's door: an API's request in, events out."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from gptoss_metal.chat import Turn
from gptoss_metal.engine.engine import Engine
from gptoss_metal.engine.job import Job
from gptoss_metal.engine.refusals import Busy, NoRoom, Unavailable
from gptoss_metal.engine.stream import Stream
from gptoss_metal.errors import Error
from gptoss_metal.events import Done, Event, Token
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.builtin import BuiltIns
from gptoss_metal.server.loader import Card, Loader
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.prompts import Prepared, prepare, prepare_raw
from gptoss_metal.server.raw import RawDone, RawRequest
from gptoss_metal.server.replay import Replay
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.text import Spelling
from gptoss_metal.tools import loop

_LOG: Final = logging.getLogger("gptoss_metal.prompts")


class Turns:
    """Runs turns.

    Args:
        engine: computes them.
        loader: knows the model.
        builtins: the tools that the server runs itself.
        replay: remembers what was generated; None for a memory that ends with the server.
        log_prompts: write prompts and answers to the log.
    """

    def __init__(
        self,
        engine: Engine,
        loader: Loader,
        builtins: BuiltIns | None = None,
        replay: Replay | None = None,
        *,
        log_prompts: bool = False,
    ) -> None:
        self.engine = engine
        self.loader = loader
        self.builtins = builtins or BuiltIns()
        self._replay = replay or Replay()
        self._log_prompts = log_prompts

    @property
    def card(self) -> Card:
        """What is known of the model.

        Raises:
            Problem: it is still being loaded.
        """
        return self.loader.card

    def prepare(self, request: TurnRequest) -> Prepared:
        """Renders a turn's prompt; on any thread.

        Raises:
            Problem: the request cannot be read, or is too long.
        """
        prepared = prepare(request, self.card, self._replay)
        if self._log_prompts:
            text = self.card.vocabulary.text(prepared.job.prompt)
            _LOG.info("prompt: %s", json.dumps(text, ensure_ascii=False))
        return prepared

    async def open(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        """Starts a turn, or if it has built-in tools as many turns as they take.

        Returns:
            Its events; the last one is `Done`. Closing the generator cancels.

        Raises:
            Problem: the request cannot be read, is too long, or finds no room. Raised here, before
                the first event, so that it becomes an HTTP status.
        """
        if request.builtins:
            await asyncio.to_thread(self.builtins.check, request.builtins, self.card.vocabulary)
        first = await self._start(request)
        events = self._with_tools(request, first) if request.builtins else first
        return self._remembered(events, request)

    async def _start(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        prepared = await asyncio.to_thread(self.prepare, request)
        return self._events(prepared, self._submit(prepared.job))

    async def _with_tools(
        self, request: TurnRequest, first: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        started = [first]

        async def start(turn: TurnRequest) -> AsyncGenerator[Event, None]:
            return started.pop() if started else await self._start(turn)

        messages = await asyncio.to_thread(self._replay.restore, request.messages)
        async with (
            self.builtins.borrow(messages, self.card.vocabulary) as toolbox,
            aclosing(await loop.run(start, request, toolbox)) as events,
        ):
            async for event in events:
                yield event

    async def _remembered(
        self, events: AsyncGenerator[Event, None], request: TurnRequest
    ) -> AsyncGenerator[Event, None]:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    await asyncio.to_thread(self._replay.remember, event.message, request.messages)
                    self._log_answer(event)
                yield event

    def raw(self, request: RawRequest) -> AsyncGenerator[Token | RawDone, None]:
        """Continues tokens without harmony; the last item is a `RawDone`.

        Raises:
            Problem: it is too long, or there is no room for it now.
        """
        card = self.card
        job = prepare_raw(request, card)
        return _raw(self._submit(job), card.vocabulary, request.sampling.stops)

    def _submit(self, job: Job) -> Stream:
        try:
            return self.engine.submit(job)
        except Error as refused:
            raise refusal(refused) from None

    async def _events(self, prepared: Prepared, stream: Stream) -> AsyncGenerator[Event, None]:
        request, names = prepared.request, prepared.names
        turn = Turn(stream.progress, self.card.vocabulary, request.sampling.stops, prepared.tools)
        try:
            async for sampled in stream:
                for event in turn.feed(sampled):
                    yield names.event(event)
                if turn.over:
                    break
            for event in map(names.event, turn.finish()):
                yield event
        except Error as failure:
            raise failed(failure) from failure
        finally:
            await stream.aclose()

    def _log_answer(self, done: Done) -> None:
        if self._log_prompts:
            said = {key: done.message[key] for key in done.message if key != "harmony"}
            _LOG.info("answer: %s", json.dumps(said, ensure_ascii=False))


async def _raw(
    stream: Stream, vocabulary: Vocabulary, stops: tuple[str, ...]
) -> AsyncGenerator[Token | RawDone, None]:
    spelling = Spelling(stream.progress, vocabulary, stops)
    try:
        async for sampled in stream:
            for token in spelling.feed(sampled):
                yield token
            if spelling.over:
                break
        for token in spelling.finish():
            yield token
        yield RawDone(stream.progress.finish_reason or "stop", stream.progress.usage)
    except Error as failure:
        raise failed(failure) from failure
    finally:
        await stream.aclose()


def refusal(error: Error) -> Problem:
    """Why the engine did not take a job, as a problem."""
    if isinstance(error, Busy):
        return Problem(str(error), "busy", code="busy", retry_after=error.retry_after)
    if isinstance(error, NoRoom):
        return Problem(str(error), "unavailable", code="out_of_memory")
    if isinstance(error, Unavailable):
        return Problem(str(error), "unavailable", retry_after=2)
    return Problem(str(error))


def failed(error: Error) -> Problem:
    """Why a generation that ran has failed, as a problem: never the client's fault."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Unavailable):
        return Problem(str(error), "unavailable", retry_after=2)
    return Problem(str(error), "internal", code="generation_failed")
