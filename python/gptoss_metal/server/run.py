"""The server as a process: its socket, its signals and its end."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from gptoss_metal.errors import Error
from gptoss_metal.server.app import Rules, build
from gptoss_metal.server.connection import HEADER_SECONDS, Config
from gptoss_metal.server.guard import HEADER_BYTES
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns

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


def serve_until_stopped(served: Served, rules: Rules, bound: socket.socket, grace: float) -> None:
    """Loads the model and serves it until SIGTERM or SIGINT.

    Args:
        served: what is served; its engine is started here, and stopped.
        rules: what is let in.
        bound: where to listen.
        grace: seconds that running answers have to finish at the end.

    Raises:
        Error: the model could not be loaded.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    server = Server(build(served, rules), served.turns, grace, rules.header_seconds)
    server.run([bound])
    if served.turns.loader.failure is not None:
        raise served.turns.loader.failure


class Server(uvicorn.Server):
    """An HTTP server that ends in peace: what runs may finish, or fails with words.

    Args:
        app: the application.
        turns: their engine lives as long as the server.
        grace: seconds that running answers have to finish.
        header_seconds: until a request's headers must be complete.
    """

    def __init__(
        self, app: ASGIApp, turns: Turns, grace: float, header_seconds: float = HEADER_SECONDS
    ) -> None:
        config = Config(
            app,
            header_seconds=header_seconds,
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            h11_max_incomplete_event_size=2 * HEADER_BYTES,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=round(grace) + LAST_WORDS,
        )
        super().__init__(config)
        self._turns = turns
        self._grace = grace

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, and loads the model meanwhile."""
        await super().startup(sockets)
        self._turns.engine.start()
        self._loading = asyncio.create_task(self._until_loaded())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no new requests, and waits for the running ones."""
        self._loading.cancel()
        await asyncio.gather(super().shutdown(sockets), self._turns.engine.stop(self._grace))
        await asyncio.to_thread(self._turns.builtins.close)

    async def _until_loaded(self) -> None:
        """Ends the server if there is no model to serve."""
        while not self._turns.loader.tried.is_set():
            await asyncio.sleep(0.05)
        if self._turns.loader.failure is not None:
            self.should_exit = True
