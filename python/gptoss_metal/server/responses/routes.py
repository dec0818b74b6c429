"""Routes of OpenAI's Responses API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gptoss_metal.server.body import Fields
from gptoss_metal.server.handlers import Handler, guarded
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.create import Office, create, earlier
from gptoss_metal.server.responses.recall import Recall
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.store import Store, Stored
from gptoss_metal.server.served import Served
from gptoss_metal.store import home

MOST_LISTED: Final = 100


def routes(served: Served) -> list[Route]:
    """Responses: create, retrieve, delete, list what was asked."""
    store = Store(home() / "responses.sqlite")
    office = Office(served, store, Recall(store), Seal(home() / "responses.key"))

    def bound(handler: Callable[[Request, Office], Awaitable[Response]]) -> Handler:
        return guarded(lambda request: handler(request, office))

    one = "/v1/responses/{id}"
    return [
        Route("/v1/responses", bound(create), methods=["POST"]),
        Route(one, bound(retrieve), methods=["GET"]),
        Route(one, bound(delete), methods=["DELETE"]),
        Route(f"{one}/input_items", bound(list_items), methods=["GET"]),
    ]


async def retrieve(request: Request, office: Office) -> Response:
    """A stored response.

    Raises:
        Problem: there is none of that id.
    """
    return JSONResponse((await _stored(request, office)).body)


async def delete(request: Request, office: Office) -> Response:
    """Forgets a stored response, its items and its answer's messages.

    Raises:
        Problem: there is none of that id.
    """
    stored = await _stored(request, office)
    office.recall.forget(stored.answer)
    await asyncio.to_thread(office.store.delete, stored.id)
    return JSONResponse({"id": stored.id, "object": "response", "deleted": True})


async def list_items(request: Request, office: Office) -> Response:
    """A page of the items that a response was made from, those it went on from included.

    Raises:
        Problem: there is no such response, or the page cannot be.
    """
    stored = await _stored(request, office)
    before = await asyncio.to_thread(earlier, stored.previous, office.store)
    query: dict[str, Any] = dict(request.query_params)
    if query.get("limit", "").isdecimal():
        query["limit"] = int(query["limit"])
    fields = Fields(query)
    limit = fields.integer("limit", 1, MOST_LISTED) or 20
    items = [*before, *stored.input]
    if fields.choice("order", ("asc", "desc")) != "asc":
        items.reverse()
    after = fields.text("after")
    places = [place for place, item in enumerate(items) if item["id"] == after]
    if after and not places:
        raise fields.wrong("after", "the id of an item in this list")
    rest = items[places[0] + 1 :] if places else items
    page = rest[:limit]
    body = {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": len(rest) > len(page),
    }
    return JSONResponse(body)


async def _stored(request: Request, office: Office) -> Stored:
    id_ = request.path_params["id"]
    stored = await asyncio.to_thread(office.store.get, id_)
    if stored is None:
        raise Problem(
            f"[serve] there is no stored response {id_!r}. "
            "Try: the id of one that was made with store.",
            "not_found",
            param="response_id",
        )
    return stored
