"""``POST /v1/responses``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.events import Event
from gptoss_metal.server.body import read_object
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.responses import body as response_body
from gptoss_metal.server.responses.asked import (
    ENCRYPTED,
    OUTPUTS,
    SOURCES,
    Asked,
    read_request,
)
from gptoss_metal.server.responses.history import Answer, ChatMessage, read_history
from gptoss_metal.server.responses.ids import new_id
from gptoss_metal.server.responses.items_in import Item, ItemReader
from gptoss_metal.server.responses.logprobs import Speller
from gptoss_metal.server.responses.output import Wire
from gptoss_metal.server.responses.recall import Recall
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.store import Store, Stored
from gptoss_metal.server.responses.transcript import Transcript
from gptoss_metal.server.responses.writer import Writer
from gptoss_metal.server.served import Served
from gptoss_metal.server.streaming import SSE_COMMENT, Stream, sse, until_gone


@dataclass(frozen=True)
class Office:
    """What the handlers of responses share.

    Attributes:
        served: who answers.
        store: keeps responses.
        recall: finds earlier answers.
        seal: closes reasoning.
    """

    served: Served
    store: Store
    recall: Recall
    seal: Seal


async def create(request: Request, office: Office) -> Response:
    """Answers a request, whole or as events.

    Raises:
        Problem: the request is refused.
    """
    asked, messages = await asyncio.to_thread(read, await read_object(request), office)
    events = await office.served.open(turn_request(asked, messages))
    work = Work(asked, events, office)
    if asked.stream:
        return Stream(work.stream(), idle=SSE_COMMENT)
    return JSONResponse(await until_gone(request.receive, work.complete()))


def read(body: dict[str, object], office: Office) -> tuple[Asked, list[ChatMessage]]:
    """The request, and the conversation with what it goes on from.

    Raises:
        Problem: the request cannot be read, or goes on from a response that is not stored.
    """
    asked = read_request(body, ItemReader(office.seal, office.store.item))
    items = [*earlier(asked.previous, office.store), *asked.items]
    return asked, read_history(items, office.recall)


def earlier(previous: str | None, store: Store) -> list[Item]:
    """The items of a stored conversation: what was asked and answered.

    Raises:
        Problem: it is not stored, or a part of it is not.
    """
    if previous is None:
        return []
    chain = store.chain(previous)
    if chain is None:
        raise Problem(
            f"[serve] there is no stored response {previous!r} with all it went on from. "
            "Try: send the conversation as input.",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    return [item for stored in chain for item in (*stored.input, *stored.body["output"])]


def turn_request(asked: Asked, messages: list[ChatMessage]) -> TurnRequest:
    """The turn that answers a request."""
    return TurnRequest(
        model=asked.model,
        messages=messages,
        tools=asked.toolset.tools,
        tool_choice=asked.toolset.choice,
        builtins=asked.toolset.builtins,
        response_format=asked.response_format,
        reasoning_effort=asked.effort,
        instructions=asked.instructions,
        sampling=asked.sampling,
        given=asked.given,
        max_tokens=asked.max_output_tokens,
        truncate=asked.truncate,
        max_tool_calls=asked.max_tool_calls,
    )


class Work:
    """One response while it is made.

    Args:
        asked: the request.
        turn: what the model does.
        office: where it is kept.
    """

    def __init__(self, asked: Asked, turn: AsyncGenerator[Event, None], office: Office) -> None:
        self._asked = asked
        self._turn = turn
        self._office = office
        self._transcript = Transcript()
        self._writer = Writer(
            response_body.opened(new_id("resp"), asked.echo),
            asked.toolset,
            sources=SOURCES in asked.include,
            outputs=OUTPUTS in asked.include,
            seal=office.seal if ENCRYPTED in asked.include else None,
            spell=Speller(office.served.model.vocabulary),
        )

    async def complete(self) -> response_body.Body:
        """The whole response.

        Raises:
            Problem: the turn failed.
        """
        async with aclosing(self._turn):
            async for event in self._turn:
                self._take(event)
        await self._keep()
        return self._writer.body

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The response's events; a turn that fails ends with ``response.failed``."""
        for wire in self._writer.begin():
            yield encoded(wire)
        try:
            async with aclosing(self._turn):
                async for event in self._turn:
                    # The last event says that the response can be gone on from: keep it before.
                    wires = self._take(event)
                    for wire in wires[:-1]:
                        yield encoded(wire)
                    if wires and wires[-1]["type"] in LAST:
                        await self._keep()
                    for wire in wires[-1:]:
                        yield encoded(wire)
        except Exception as error:
            for wire in self._writer.fail(as_problem(error)):
                yield encoded(wire)
        finally:
            await self._turn.aclose()

    def _take(self, event: Event) -> list[Wire]:
        self._transcript.take(event)
        return list(self._writer.read(event))

    async def _keep(self) -> None:
        body = self._writer.body
        answer = Answer(body["output"], self._transcript.messages)
        self._office.recall.keep(answer)
        if self._asked.store:
            stored = Stored(body, self._asked.items, answer.messages, self._asked.previous)
            await asyncio.to_thread(self._office.store.put, stored)


LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})


def encoded(wire: Wire) -> bytes:
    """An event as it is sent."""
    return sse(json.dumps(wire, ensure_ascii=False, separators=(",", ":")), wire["type"])
