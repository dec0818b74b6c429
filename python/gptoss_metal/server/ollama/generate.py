"""``/api/generate``: one prompt, one answer."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from gptoss_metal.events import Done, Event, Text, Token
from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.body import Fields, read_object
from gptoss_metal.server.ollama.answer import Form, Json, Piece
from gptoss_metal.server.ollama.chat import (
    logprobs_vocabulary,
    respond,
    respond_with,
    turn_settings,
)
from gptoss_metal.server.ollama.loading import load_or_unload
from gptoss_metal.server.ollama.messages import refuse_images
from gptoss_metal.server.ollama.options import read_settings
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.raw import RawDone, RawRequest
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.served import Served


async def generate(request: Request, served: Served) -> Response:
    """Answers a prompt; an empty one loads or unloads the model.

    ``template`` is ignored: gpt-oss has one format, harmony, and ``raw`` goes without it.

    Raises:
        Problem: the request is refused.
    """
    fields = Fields(await read_object(request))
    model, settings = fields.required("model"), read_settings(fields)
    refuse_images(fields)
    if fields.text("suffix"):
        raise Problem("[serve] gpt-oss does not fill in. Try: without suffix.", param="suffix")
    prompt, vocabulary = fields.text("prompt") or "", served.model.vocabulary
    spelling = logprobs_vocabulary(settings, served)
    if not prompt:
        form = Form(model, _body, lambda whole: {}, settings.thinking, spelling)
        return await load_or_unload(form, settings.keep_alive, served)
    stream = fields.flag("stream", True)
    if fields.flag("raw"):
        form = Form(model, _body, lambda whole: {}, settings.thinking, spelling)
        ids = vocabulary.encode(prompt, specials=True)
        tokens = await served.open_raw(
            RawRequest(model, ids, settings.sampling, settings.max_tokens, settings.keep_alive)
        )
        return await respond_with(request, stream, _as_events(tokens), form)
    messages = [*read_context(fields, vocabulary), *_opening(fields, prompt)]
    turn = TurnRequest(
        model, messages, truncate=fields.flag("truncate", True), **turn_settings(settings)
    )

    def ending(whole: Piece) -> Json:
        answer = {"role": "assistant", "content": whole.text}
        return {"context": write_context([*messages, answer], vocabulary)}

    form = Form(model, _body, ending, settings.thinking, spelling)
    return await respond(request, stream, turn, form, served)


def write_context(messages: Sequence[Message], vocabulary: Vocabulary) -> list[int]:
    """A conversation as the numbers that ``context`` brings back."""
    text = json.dumps([[m["role"], m["content"]] for m in messages], ensure_ascii=False)
    return vocabulary.encode(text)


def read_context(fields: Fields, vocabulary: Vocabulary) -> list[Message]:
    """The conversation of `write_context`; none if it is left out.

    Raises:
        Problem: it was not written here.
    """
    ids = fields.items("context")
    if not ids:
        return []
    try:
        if not all(type(id_) is int for id_ in ids):
            raise ValueError
        turns = json.loads(vocabulary.text(ids))
        return [{"role": str(role), "content": str(content)} for role, content in turns]
    except (ValueError, TypeError, RecursionError):
        raise Problem(
            "[serve] context was not written by this server. Try: that of its last answer.",
            param="context",
        ) from None


def _opening(fields: Fields, prompt: str) -> list[Message]:
    system = fields.text("system")
    opening: list[Message] = [{"role": "system", "content": system}] if system else []
    return [*opening, {"role": "user", "content": prompt}]


def _body(piece: Piece) -> Json:
    body: Json = {"response": piece.text}
    if piece.thinking:
        body["thinking"] = piece.thinking
    return body


async def _as_events(
    tokens: AsyncGenerator[Token | RawDone, None],
) -> AsyncGenerator[Event, None]:
    """A generation without harmony as the events of a turn."""
    async with aclosing(tokens):
        async for token in tokens:
            if isinstance(token, RawDone):
                yield Done(token.finish_reason, token.usage, {})
            elif token.text or token.logprob is not None:
                yield Text(token.text, "final", (token,))
