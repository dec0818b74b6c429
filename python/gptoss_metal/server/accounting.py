"""Counts requests by API and status, and gives each an id."""

from __future__ import annotations

import re
import secrets
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gptoss_metal.server.metrics import Metrics

APIS: Final = (
    ("/v1/chat/completions", "chat"),
    ("/v1/completions", "completions"),
    ("/v1/responses", "responses"),
    ("/v1/messages", "anthropic"),
    ("/v1/models", "models"),
    ("/api/", "ollama"),
    ("/health", "health"),
    ("/metrics", "metrics"),
)
"""Beginnings of paths, and the API they belong to."""
_ID: Final = re.compile(r"[\w.:-]{1,128}", re.ASCII)


class Accounting:
    """Stands outside everything else, so that refused requests count too.

    Args:
        app: what is behind it.
        metrics: where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; its response has ``X-Request-Id``, the client's own or a new one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        id_ = given if _ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        status = 0

        async def sender(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = id_
            await send(message)

        try:
            await self._app(scope, receive, sender)
        finally:
            self._metrics.requests.labels(api_of(scope["path"]), str(status or 499)).inc()


def api_of(path: str) -> str:
    """The API a path belongs to; ``other`` for what is none."""
    return next((api for start, api in APIS if path.startswith(start)), "other")
