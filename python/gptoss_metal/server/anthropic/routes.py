"""Routes of Anthropic's API."""

from __future__ import annotations

from starlette.routing import Route

from gptoss_metal.server.anthropic.handlers import count_tokens, create, with_id
from gptoss_metal.server.handlers import guarded
from gptoss_metal.server.served import Served


def routes(served: Served) -> list[Route]:
    """Messages, and the counting of their tokens."""
    made = with_id(guarded(lambda request: create(request, served)))
    counted = with_id(guarded(lambda request: count_tokens(request, served)))
    return [
        Route("/v1/messages", made, methods=["POST"]),
        Route("/v1/messages/count_tokens", counted, methods=["POST"]),
    ]
