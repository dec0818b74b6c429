"""The server as a process: its socket, its signals and its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from gptoss_metal.errors import Error
from gptoss_metal.server.guard import HEADER_BYTES

IDLE_SECONDS: Final = 75
"""How long a connection without requests stays open; more than clients keep theirs."""
LAST_WORDS: Final = 3
"""Seconds that streams have to write their error event, after the grace."""


def listen(host: str, port: int) -> socket.socket:
    """A listening address.

    Args:
        host: a name or address.
        port: 0 takes a free one.

    Raises:
        Error: it cannot be listened on.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, proto)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
    except (OSError, OverflowError) as problem:
        what = getattr(problem, "strerror", None) or problem
        raise Error(
            f"[serve] cannot listen on {host}:{port}: {what}. Try: another --port, or --host."
        ) from None
    return bound


def url(bound: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, then lets what runs come to its end.

    Args:
        app: the application.
        grace: seconds that running requests have to finish.
        end: is called when the end begins, with the grace; it ends what still runs after it.
    """

    def __init__(self, app: ASGIApp, grace: float, end: Callable[[float], Awaitable[None]]) -> None:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            access_log=False,
            log_level="warning",
            server_header=False,
            h11_max_incomplete_event_size=2 * HEADER_BYTES,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=round(grace) + LAST_WORDS,
        )
        super().__init__(config)
        self._grace = grace
        self._end = end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no new requests, and waits for the running ones."""
        await asyncio.gather(super().shutdown(sockets), self._end(self._grace))
