"""``/v1/completions``: text is continued as it is, without harmony around it."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.server.body import read_object
from gptoss_metal.server.openai.completion_answer import RawStream, answer, chunks, collect
from gptoss_metal.server.openai.completion_request import read_completion
from gptoss_metal.server.openai.parts import Stamp
from gptoss_metal.server.served import Served
from gptoss_metal.server.streaming import SSE_COMMENT, Stream, until_gone


async def complete(request: Request, served: Served) -> Response:
    """Continues prompts, whole or as a stream.

    Raises:
        Problem: the request is refused.
    """
    asked = read_completion(await read_object(request), served)
    streams: list[RawStream] = []
    try:
        for turn in asked.turns:
            streams.append(await served.open_raw(turn))
    except BaseException:
        for stream in streams:
            await stream.aclose()
        raise
    stamp = Stamp(asked.turns[0].model, f"cmpl-{secrets.token_hex(16)}")
    if asked.stream:
        return Stream(chunks(streams, asked, stamp, served.model.vocabulary), idle=SSE_COMMENT)
    told = await until_gone(request.receive, collect(streams, asked))
    return JSONResponse(answer(told, asked, stamp, served.model.vocabulary))
