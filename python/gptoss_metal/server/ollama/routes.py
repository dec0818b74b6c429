"""Routes of Ollama's API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gptoss_metal.server.handlers import Handler, guarded
from gptoss_metal.server.ollama import chat, generate, listing, manage, pull
from gptoss_metal.server.ollama.card import Card
from gptoss_metal.server.served import Served

T = TypeVar("T")


def routes(served: Served) -> list[Route]:
    """All of them, ``/`` included, which clients ask whether a server is there."""
    card, pulls = Card(served), pull.Pulls()

    def with_(what: T, handler: Callable[[Request, T], Awaitable[Response]]) -> Handler:
        return guarded(lambda request: handler(request, what))

    return [
        Route("/", with_(card, listing.root)),
        Route("/api/version", with_(card, listing.version)),
        Route("/api/tags", with_(card, listing.tags)),
        Route("/api/ps", with_(card, listing.running)),
        Route("/api/show", with_(card, listing.show), methods=["POST"]),
        Route("/api/chat", with_(served, chat.chat), methods=["POST"]),
        Route("/api/generate", with_(served, generate.generate), methods=["POST"]),
        Route("/api/embed", with_(card, listing.embed), methods=["POST"]),
        Route("/api/embeddings", with_(card, listing.embed), methods=["POST"]),
        Route("/api/create", with_(served, manage.create), methods=["POST"]),
        Route("/api/copy", with_(served, manage.copy), methods=["POST"]),
        Route("/api/delete", with_(served, manage.delete), methods=["DELETE"]),
        Route("/api/push", with_(served, manage.push), methods=["POST"]),
        Route("/api/blobs/{digest}", with_(served, manage.has_blob), methods=["HEAD"]),
        Route("/api/blobs/{digest}", with_(served, manage.put_blob), methods=["POST"]),
        Route("/api/pull", with_((served, pulls), pull.pull), methods=["POST"]),
    ]
