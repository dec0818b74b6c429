"""Aliases through Ollama's API: create, copy, delete; and what is not done here."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal import aliases, modelfile, store
from gptoss_metal.preset import Preset
from gptoss_metal.server.body import Fields, read_object
from gptoss_metal.server.ollama.answer import NDJSON, as_line
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.served import Served
from gptoss_metal.server.streaming import Stream

_IGNORED: Final = {
    "template": "gpt-oss has one, harmony",
    "license": "the model's own holds",
    "quantize": "the weights stay as they are",
}


async def create(request: Request, served: Served) -> Response:
    """``/api/create``: an alias, from fields or from a Modelfile's text.

    Raises:
        Problem: it cannot be made.
    """
    fields = Fields(await read_object(request))
    name = _new_name(fields.text("model") or fields.required("name"), "model", served)
    text = fields.text("modelfile")
    wanted = _from_fields(fields, name) if text is None else modelfile.parse(text, name)
    alias = replace(wanted, base=base_for(wanted.base, served))
    aliases.save(alias, overwrite=True)
    said = [f"using {wanted.base}", *alias.notes, "writing manifest", "success"]
    if not fields.flag("stream", True):
        return JSONResponse({"status": "success"})
    return Stream(_statuses(said), NDJSON)


async def copy(request: Request, served: Served) -> Response:
    """``/api/copy``: an alias of the same model with the same defaults.

    Raises:
        Problem: there is no source, or the destination cannot be a name.
    """
    fields = Fields(await read_object(request))
    source = fields.required("source")
    name = _new_name(fields.required("destination"), "destination", served)
    own = aliases.read(source) if store.can_be_alias(source) else None
    found = Preset(name, base_for(source, served)) if own is None else replace(own, name=name)
    aliases.save(found, overwrite=True)
    return Response(status_code=200)


async def delete(request: Request, served: Served) -> Response:
    """``DELETE /api/delete``: forgets an alias; model files are not deleted over the network.

    Raises:
        Problem: there is none of that name, or it is a model.
    """
    fields = Fields(await read_object(request))
    name = fields.text("model") or fields.required("name")
    if is_own(name, served) or is_stored_model(name):
        raise Problem(
            f"[serve] {name} is a model, and only aliases are deleted over the network. "
            "Try: delete its file where the server is.",
            "forbidden",
            param="model",
        )
    if not is_alias(name):
        raise _missing(name)
    aliases.remove(name)
    return Response(status_code=200)


async def push(request: Request, served: Served) -> Response:
    """``/api/push``: raises Problem."""
    raise Problem(
        "[serve] there is no registry to push to. Try: copy the model's file.", "unsupported"
    )


async def has_blob(request: Request, served: Served) -> Response:
    """``HEAD /api/blobs/:digest``: there are none."""
    return Response(status_code=404)


async def put_blob(request: Request, served: Served) -> Response:
    """``POST /api/blobs/:digest``: raises Problem."""
    raise _no_uploads()


def base_for(name: str, served: Served) -> str:
    """What an alias is made from: a name of the store, or the path of the served file.

    Paths are not taken from clients.

    Raises:
        Problem: neither the served model, nor a model or an alias of the store.
    """
    if is_alias(name) or is_stored_model(name):
        return store.canonical(name)
    if is_own(name, served):
        return os.path.abspath(served.model.info.path)
    raise _missing(name)


def is_own(name: str, served: Served) -> bool:
    """Whether it is one of the server's own names."""
    return store.canonical(name) in map(store.canonical, served.names)


def is_stored_model(name: str) -> bool:
    """Whether the store has a model of that name."""
    return store.can_be_alias(name) and store.model_file(name).is_file()


def is_alias(name: str) -> bool:
    """Whether there is an alias of that name."""
    return store.can_be_alias(name) and store.alias_file(name).is_file()


def _new_name(name: str, param: str, served: Served) -> str:
    if is_own(name, served) and not is_alias(name):
        raise Problem(f"[serve] {name} is the served model. Try: another name.", param=param)
    return store.canonical(name)


def _from_fields(fields: Fields, name: str) -> Preset:
    if fields.object("files") or fields.object("adapters"):
        raise _no_uploads()
    notes = [f"{key} is ignored: {why}" for key, why in _IGNORED.items() if fields.body.get(key)]
    return modelfile.preset(
        name,
        fields.required("from"),
        fields.object("parameters") or {},
        fields.text("system"),
        _examples(fields.items("messages")),
        notes,
    )


def _examples(given: Sequence[Any]) -> list[dict[str, str]]:
    found = []
    for number, item in enumerate(given):
        inner = Fields(item if isinstance(item, Mapping) else {}, f"messages[{number}].")
        role = inner.choice("role", ("system", "user", "assistant"))
        if role is None:
            raise inner.wrong("role", "system, user or assistant")
        found.append({"role": role, "content": inner.text("content") or ""})
    return found


async def _statuses(said: Sequence[str]) -> AsyncGenerator[bytes, None]:
    for status in said:
        yield as_line({"status": status})


def _no_uploads() -> Problem:
    return Problem(
        "[serve] models are not made from uploads. Try: gptoss-metal convert where the server is.",
        "unsupported",
    )


def _missing(name: str) -> Problem:
    return Problem(
        f"[serve] there is no model {name[:80]!r}. Try: one of /api/tags.",
        "not_found",
        code="model_not_found",
        param="model",
    )
