"""``POST /v1/responses``, and the count of its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.events import Event
from gptoss_metal.server.body import read_object
from gptoss_metal.server.count import count
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.responses.asked import Asked, read_request
from gptoss_metal.server.responses.background import Live
from gptoss_metal.server.responses.history import ChatMessage, read_history
from gptoss_metal.server.responses.items_in import ItemReader
from gptoss_metal.server.responses.office import Office
from gptoss_metal.server.responses.work import Work, encoded
from gptoss_metal.server.streaming import SSE_COMMENT, Stream, until_gone


async def create(request: Request, office: Office) -> Response:
    """Answers a request, whole, as events, or later.

    Raises:
        Problem: the request is refused.
    """
    asked, messages = await asyncio.to_thread(read, await read_object(request), office)
    work = Work(asked, await _begin(turn_request(asked, messages), office), office)
    if asked.background:
        return await _in_background(asked, work, office)
    if asked.stream:
        return Stream(encoded(work.wires()), idle=SSE_COMMENT)
    return JSONResponse(await until_gone(request.receive, work.complete()))


async def count_input(request: Request, office: Office) -> Response:
    """Counts the tokens of a request's prompt.

    Raises:
        Problem: the request cannot be read.
    """
    body = await read_object(request)
    body.setdefault("model", office.served.names[0])
    asked, messages = await asyncio.to_thread(read, body, office)
    try:
        tokens = await asyncio.to_thread(count, turn_request(asked, messages), office.served)
    except Problem as problem:
        raise renamed(problem) from None
    return JSONResponse({"object": "response.input_tokens", "input_tokens": tokens})


def read(body: dict[str, Any], office: Office) -> tuple[Asked, list[ChatMessage]]:
    """The request, and the conversation with what it goes on from.

    Raises:
        Problem: the request cannot be read, or goes on from a response that is not stored.
    """
    reader = ItemReader(office.seal, office.store.item)
    asked = read_request(body, reader, office.missing)
    items = [*office.earlier(asked.previous), *asked.items]
    return asked, read_history(items, office.recall)


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


async def _begin(turn: TurnRequest, office: Office) -> AsyncGenerator[Event, None]:
    try:
        return await office.served.open(turn)
    except Problem as problem:
        raise renamed(problem) from None


def renamed(problem: Problem) -> Problem:
    """A problem of the turn under the names that Responses has for its fields."""
    name = problem.param or ""
    if name.startswith("messages"):
        problem.param = "input"
    elif name.startswith("response_format"):
        problem.param = "text.format"
    return problem


async def _in_background(asked: Asked, work: Work, office: Office) -> Response:
    await asyncio.to_thread(office.store.put, work.stored())
    first = dict(work.body)
    live = Live(work)
    office.background.add(live)
    if asked.stream:
        return Stream(encoded(live.follow()), idle=SSE_COMMENT)
    return JSONResponse(first)
