"""``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.server.anthropic.answer import as_event, message, stream
from gptoss_metal.server.anthropic.request import read_request
from gptoss_metal.server.anthropic.writer import PING, Writer
from gptoss_metal.server.body import read_object
from gptoss_metal.server.count import count
from gptoss_metal.server.handlers import Handler
from gptoss_metal.server.served import Served
from gptoss_metal.server.streaming import Stream, until_gone

_PING: Final = as_event(PING)


async def create(request: Request, served: Served) -> Response:
    """Answers a conversation, whole or as a stream.

    Raises:
        Problem: the request is refused.
    """
    asked = read_request(await read_object(request))
    events = await served.open(asked.turn)
    writer = Writer(asked.turn.model, asked.display, asked.turn.max_tokens)
    if asked.stream:
        writer.input_tokens = await asyncio.to_thread(count, asked.turn, served)
        return Stream(stream(events, writer), idle=_PING)
    return JSONResponse(await until_gone(request.receive, message(events, writer)))


async def count_tokens(request: Request, served: Served) -> Response:
    """Counts the tokens of a request's prompt.

    Raises:
        Problem: the request cannot be read.
    """
    asked = read_request(await read_object(request), counting=True)
    found = await asyncio.to_thread(count, asked.turn, served)
    return JSONResponse({"input_tokens": found})


def with_id(handler: Callable[[Request], Awaitable[Response]]) -> Handler:
    """A handler whose responses carry a ``request-id``, which Anthropic's clients report."""

    async def answer(request: Request) -> Response:
        response = await handler(request)
        response.headers["request-id"] = f"req_{secrets.token_hex(12)}"
        return response

    return answer
