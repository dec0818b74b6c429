"""A connection that has to say what it wants in time."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS: Final = 30.0


class Config(uvicorn.Config):
    """Uvicorn's configuration, for connections with a time limit.

    Args:
        app: the application.
        header_seconds: until a request's headers must be complete.
        more: uvicorn's own.
    """

    def __init__(self, app: Any, *, header_seconds: float, **more: Any) -> None:
        super().__init__(app, http=Connection, **more)
        self.header_seconds = header_seconds


class Connection(H11Protocol):
    """Uvicorn's HTTP/1.1, with a limit to how long a client may take while nobody waits for it.

    The time runs from the connection's beginning, or from the next request's first byte, until the
    headers are complete; also for the rest of a body whose request was answered before it came. It
    does not run while a request is worked on: bodies have a limit of their own (`Intake`), and
    answers may take as long as they need. Between requests uvicorn's keep-alive limit holds.
    """

    config: Config

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limit: asyncio.TimerHandle | None = None
        self._has_begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the time of the first request."""
        super().connection_made(transport)
        self._start_limit()

    def data_received(self, data: bytes) -> None:
        """Starts the time of a request, or ends it."""
        super().data_received(data)
        self._has_begun = self.cycle is None or self.cycle.response_complete
        if not self._has_begun:
            self._end_limit()
        elif self._limit is None:
            self._start_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the time."""
        self._end_limit()
        super().connection_lost(exc)

    def _start_limit(self) -> None:
        self._limit = self.loop.call_later(self.config.header_seconds, self._give_up)

    def _end_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self) -> None:
        if not self.transport.is_closing() and self._has_begun and self.conn.our_state is h11.IDLE:
            self._refuse()
        self.transport.close()

    def _refuse(self) -> None:
        told = f"[serve] the headers took more than {self.config.header_seconds:g} s. Try: again."
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")]
        for event in (
            h11.Response(status_code=408, headers=headers, reason="Request Timeout"),
            h11.Data(data=told.encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
