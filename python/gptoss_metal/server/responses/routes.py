"""Routes of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gptoss_metal.server.handlers import Handler, guarded
from gptoss_metal.server.responses import kept
from gptoss_metal.server.responses.create import count_input, create
from gptoss_metal.server.responses.office import Office
from gptoss_metal.server.responses.recall import Recall
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.store import Store
from gptoss_metal.server.served import Served
from gptoss_metal.store import home


def routes(served: Served) -> list[Route]:
    """Responses: create, count, retrieve, cancel, delete, list what they were made from."""
    store = Store(home() / "responses.sqlite")
    office = Office(served, store, Recall(store), Seal(home() / "responses.key"))

    def bound(handler: Callable[[Request, Office], Awaitable[Response]]) -> Handler:
        return guarded(lambda request: handler(request, office))

    every = "/v1/responses"
    one = f"{every}/{{id}}"
    return [
        Route(every, bound(create), methods=["POST"]),
        Route(f"{every}/input_tokens", bound(count_input), methods=["POST"]),
        Route(one, bound(kept.retrieve), methods=["GET"]),
        Route(one, bound(kept.delete), methods=["DELETE"]),
        Route(f"{one}/cancel", bound(kept.cancel), methods=["POST"]),
        Route(f"{one}/input_items", bound(kept.list_items), methods=["GET"]),
    ]
