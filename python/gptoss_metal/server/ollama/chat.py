"""``/api/chat``."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.events import Event
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.body import Fields, read_object
from gptoss_metal.server.ollama.answer import NDJSON, Form, Json, Piece, lines, whole_answer
from gptoss_metal.server.ollama.loading import load_or_unload
from gptoss_metal.server.ollama.messages import read_messages, read_tools
from gptoss_metal.server.ollama.options import Settings, read_settings
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.served import Served
from gptoss_metal.server.streaming import Stream, until_gone


async def chat(request: Request, served: Served) -> Response:
    """Answers a conversation; one without messages loads or unloads the model.

    Raises:
        Problem: the request is refused.
    """
    fields = Fields(await read_object(request))
    model = fields.required("model")
    settings = read_settings(fields)
    messages = read_messages(fields)
    form = Form(
        model, _body, lambda whole: {}, settings.thinking, logprobs_vocabulary(settings, served)
    )
    if not messages:
        return await load_or_unload(form, settings.keep_alive, served)
    turn = TurnRequest(
        model,
        messages,
        read_tools(fields),
        truncate=fields.flag("truncate", True),
        **turn_settings(settings),
    )
    return await respond(request, fields.flag("stream", True), turn, form, served)


async def respond(
    request: Request, stream: bool, turn: TurnRequest, form: Form, served: Served
) -> Response:
    """Runs a turn and answers with its lines, or with one object.

    Raises:
        Problem: the turn is refused, or failed before anything was sent.
    """
    return await respond_with(request, stream, await served.open(turn), form)


async def respond_with(
    request: Request, stream: bool, events: AsyncGenerator[Event, None], form: Form
) -> Response:
    """Answers with the lines of a turn, or with one object.

    Raises:
        Problem: the turn failed before anything was sent.
    """
    if stream:
        return Stream(lines(events, form), NDJSON)
    return JSONResponse(await until_gone(request.receive, whole_answer(events, form)))


def logprobs_vocabulary(settings: Settings, served: Served) -> Vocabulary | None:
    """The vocabulary to spell log-probabilities with, if they were asked for."""
    return None if settings.sampling.logprobs is None else served.model.vocabulary


def turn_settings(settings: Settings) -> Json:
    """Settings as arguments of `TurnRequest`."""
    return {
        "response_format": settings.response_format,
        "reasoning_effort": settings.effort,
        "sampling": settings.sampling,
        "given": settings.given,
        "context": settings.context,
        "max_tokens": settings.max_tokens,
        "keep_alive": settings.keep_alive,
    }


def _body(piece: Piece) -> Json:
    message: Json = {"role": "assistant", "content": piece.text}
    if piece.thinking:
        message["thinking"] = piece.thinking
    if piece.calls:
        message["tool_calls"] = list(piece.calls)
    return {"message": message}
