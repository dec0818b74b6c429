"""Stored responses: retrieve, cancel, delete, list what they were made from."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses import body as response_body
from gptoss_metal.server.responses.items_in import Item
from gptoss_metal.server.responses.office import PENDING, Office
from gptoss_metal.server.responses.store import Stored
from gptoss_metal.server.responses.work import encoded
from gptoss_metal.server.streaming import SSE_COMMENT, Stream

MOST_LISTED: Final = 100
_MOST: Final = 2**31 - 1


async def retrieve(request: Request, office: Office) -> Response:
    """A stored response; the events of one made in the background, if asked for.

    Raises:
        Problem: there is none of that id, or its events are gone.
    """
    fields = _query(request)
    stored = await _stored(request, office)
    if fields.text("stream") != "true":
        return JSONResponse(stored.body)
    live = office.background.get(stored.id)
    if live is None:
        raise Problem(
            "[serve] only the events of responses made in the background are kept, and not for "
            "ever. Try: without stream.",
            param="stream",
        )
    after = fields.integer("starting_after", 0, _MOST)
    return Stream(encoded(live.follow(-1 if after is None else after)), idle=SSE_COMMENT)


async def cancel(request: Request, office: Office) -> Response:
    """Ends a response that is made in the background; one that is complete stays as it is.

    Raises:
        Problem: there is none of that id, or it was not made in the background.
    """
    stored = await _stored(request, office)
    if not stored.body["background"]:
        raise Problem(
            "[serve] only a response made in the background can be cancelled. "
            "Try: close its connection.",
            param="response_id",
        )
    live = office.background.get(stored.id)
    if live is not None:
        await live.cancel()
        return JSONResponse(live.body)
    return JSONResponse(stored.body)


async def delete(request: Request, office: Office) -> Response:
    """Forgets a stored response, its items and its answer's messages.

    Raises:
        Problem: there is none of that id.
    """
    stored = await _stored(request, office)
    await office.background.drop(stored.id)
    office.recall.forget(stored.answer)
    await asyncio.to_thread(office.store.delete, stored.id)
    return JSONResponse({"id": stored.id, "object": "response", "deleted": True})


async def list_items(request: Request, office: Office) -> Response:
    """A page of the items that a response was made from, those it went on from included.

    Raises:
        Problem: there is no such response, or the page cannot be.
    """
    stored = await _stored(request, office)
    before = await asyncio.to_thread(office.earlier, stored.previous)
    return JSONResponse(_page([*before, *stored.input], _query(request)))


def _page(items: list[Item], fields: Fields) -> dict[str, Any]:
    limit = fields.integer("limit", 1, MOST_LISTED) or 20
    if fields.choice("order", ("asc", "desc")) != "asc":
        items = items[::-1]
    after = fields.text("after")
    places = [place for place, item in enumerate(items) if item["id"] == after]
    if after and not places:
        raise fields.wrong("after", "the id of an item in this list")
    rest = items[places[0] + 1 :] if places else items
    page = rest[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": len(rest) > len(page),
    }


def _query(request: Request) -> Fields:
    """The query as fields; numbers in it are numbers."""
    query = request.query_params
    return Fields({key: int(value) if value.isdecimal() else value for key, value in query.items()})


async def _stored(request: Request, office: Office) -> Stored:
    """The stored response of the request's path, as it is now."""
    id_ = request.path_params["id"]
    stored = await asyncio.to_thread(office.store.get, id_)
    if stored is None:
        raise Problem(
            f"[serve] there is no stored response {id_!r}. "
            "Try: the id of one that was made with store.",
            "not_found",
            param="response_id",
        )
    live = office.background.get(id_)
    if live is not None:
        return replace(stored, body=live.body)
    if stored.body["status"] in PENDING:
        stopped = Problem("[serve] the server was stopped while it was made. Try: again.")
        failed = {"status": "failed", "error": response_body.error(stopped)}
        return replace(stored, body={**stored.body, **failed})
    return stored
