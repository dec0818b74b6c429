"""``/v1/chat/completions``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.events import Event
from gptoss_metal.server.body import read_object
from gptoss_metal.server.openai.chat_answer import Choice, answer, collect
from gptoss_metal.server.openai.chat_request import ChatRequest, read_chat
from gptoss_metal.server.openai.chat_stream import chunks
from gptoss_metal.server.openai.parts import Stamp
from gptoss_metal.server.served import Served
from gptoss_metal.server.streaming import SSE_COMMENT, Stream, until_gone


async def complete_chat(request: Request, served: Served) -> Response:
    """Answers a chat, whole or as a stream.

    Raises:
        Problem: the request is refused.
    """
    asked = read_chat(await read_object(request))
    turns = await open_turns(asked, served)
    stamp = Stamp(asked.turn.model)
    if asked.stream:
        return Stream(chunks(turns, asked, stamp, served), idle=SSE_COMMENT)
    choices = await until_gone(request.receive, _collect_all(turns, asked, served))
    return JSONResponse(answer(choices, stamp))


async def open_turns(asked: ChatRequest, served: Served) -> list[AsyncGenerator[Event, None]]:
    """Starts the turns of all choices, or none of them.

    Raises:
        Problem: one of them is refused.
    """
    started: list[AsyncGenerator[Event, None]] = []
    try:
        for turn in asked.turns():
            started.append(await served.open(turn))
    except BaseException:
        for events in started:
            await events.aclose()
        raise
    return started


async def _collect_all(
    turns: list[AsyncGenerator[Event, None]], asked: ChatRequest, served: Served
) -> list[Choice]:
    work = [asyncio.ensure_future(collect(t, i, asked, served)) for i, t in enumerate(turns)]
    try:
        return list(await asyncio.gather(*work))
    finally:
        for task in work:
            task.cancel()
        await asyncio.wait(work)
