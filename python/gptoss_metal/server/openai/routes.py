"""Routes of OpenAI's API, Responses aside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gptoss_metal.server.handlers import Handler, guarded
from gptoss_metal.server.openai.chat import complete_chat
from gptoss_metal.server.openai.completions import complete
from gptoss_metal.server.openai.models import list_models, show_model
from gptoss_metal.server.served import Served


def routes(served: Served) -> list[Route]:
    """Chat Completions, Completions and Models."""

    def bound(handler: Callable[[Request, Served], Awaitable[Response]]) -> Handler:
        return guarded(lambda request: handler(request, served))

    return [
        Route("/v1/chat/completions", bound(complete_chat), methods=["POST"]),
        Route("/v1/completions", bound(complete), methods=["POST"]),
        Route("/v1/models", bound(list_models)),
        Route("/v1/models/{model:path}", bound(show_model)),
    ]
