"""What there is: ``/api/tags``, ``/api/show``, ``/api/ps``, ``/api/version``."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gptoss_metal import modelfile
from gptoss_metal.server.body import Fields, read_object
from gptoss_metal.server.ollama.answer import Json, rfc3339
from gptoss_metal.server.ollama.card import CAPABILITIES, Card
from gptoss_metal.server.ollama.names import listed
from gptoss_metal.server.problem import Problem

VERSION: Final = "0.30.0"
"""Of the Ollama whose API this is; clients ask for it to know what they may use."""
LICENSE: Final = "Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0"
TEMPLATE: Final = "harmony"
FAR: Final = datetime.timedelta(days=36500)


async def root(request: Request, card: Card) -> Response:
    """What clients look for to see whether a server is there."""
    return PlainTextResponse("Ollama is running")


async def version(request: Request, card: Card) -> Response:
    """``/api/version``."""
    return JSONResponse({"version": VERSION})


async def tags(request: Request, card: Card) -> Response:
    """``/api/tags``: every name."""
    return JSONResponse({"models": [_tag(name, card) for name in listed(card.served)]})


async def show(request: Request, card: Card) -> Response:
    """``/api/show``: one name.

    Raises:
        Problem: there is no such model.
    """
    fields = Fields(await read_object(request))
    name = fields.text("model") or fields.required("name")
    preset = card.served.preset(name)
    lines = modelfile.parameter_lines(preset)
    return JSONResponse(
        {
            "license": LICENSE,
            "modelfile": modelfile.render(replace(preset, base=card.base(preset))),
            "parameters": "\n".join(f"{key:30} {value}" for key, value in lines),
            "template": TEMPLATE,
            "system": preset.system or "",
            "messages": [dict(message) for message in preset.messages],
            "details": card.details(preset),
            "model_info": card.model_info(preset),
            "capabilities": list(CAPABILITIES),
            "modified_at": card.modified(),
        }
    )


async def running(request: Request, card: Card) -> Response:
    """``/api/ps``: the model, if it is in memory."""
    engine = card.served.turns.engine
    if engine.model is None:
        return JSONResponse({"models": []})
    name = listed(card.served)[0]
    preset = card.served.preset(name)
    body: Json = {
        "name": name,
        "model": name,
        "size": card.size,
        "digest": card.digest(preset),
        "details": card.details(preset),
        "expires_at": _in(engine.unloads_in),
        "size_vram": card.size if card.served.model.info.backend == "metal" else 0,
        "context_length": card.context(preset),
    }
    return JSONResponse({"models": [body]})


async def embed(request: Request, card: Card) -> Response:
    """``/api/embed`` and ``/api/embeddings``: raises Problem."""
    raise Problem("[serve] gpt-oss does not make embeddings. Try: a model made for them.")


def _tag(name: str, card: Card) -> Json:
    preset = card.served.preset(name)
    return {
        "name": name,
        "model": name,
        "modified_at": card.modified(),
        "size": card.size,
        "digest": card.digest(preset),
        "details": card.details(preset),
        "capabilities": list(CAPABILITIES),
    }


def _in(seconds: float | None) -> str:
    """A moment some seconds from now; far away if there is none."""
    ahead = FAR if seconds is None else datetime.timedelta(seconds=seconds)
    return rfc3339(datetime.datetime.now(datetime.timezone.utc) + ahead)
