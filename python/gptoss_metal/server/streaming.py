"""Streamed responses, and work that ends when its client is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Final, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
SILENCE: Final = 15.0
"""Seconds without a word after which an idle stream says that it is alive."""


class ClientGone(Exception):
    """The client closed the connection before its answer was complete."""


class Stream(Response):
    """A response written piece by piece.

    When the client closes the connection, `body` is closed at once, which cancels the turn, also
    while it waits for its first piece.

    Args:
        body: the pieces; closed in every case.
        media_type: of the response.
        idle: what to send when `body` is silent for long; nothing if empty.
    """

    def __init__(
        self,
        body: AsyncGenerator[bytes, None],
        media_type: str = "text/event-stream",
        *,
        idle: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        self._body = body
        self._idle = idle
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        unbuffered = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        self.init_headers({**unbuffered, **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Writes the response; returns when it is complete or the client is gone."""
        try:
            await until_gone(receive, self._write(send))
        except ClientGone:
            return

    async def _write(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        coming: asyncio.Future[bytes] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(self._body))
                await asyncio.wait([coming], timeout=SILENCE if self._idle else None)
                if not coming.done():
                    yield self._idle
                    continue
                try:
                    piece = coming.result()
                except StopAsyncIteration:
                    return
                coming = None
                yield piece
        finally:
            await _settle(coming)
            await self._body.aclose()


async def until_gone(receive: Receive, work: Awaitable[T]) -> T:
    """The result of `work`, unless the client goes away before.

    The request's body must have been read.

    Raises:
        ClientGone: the client closed the connection; `work` was cancelled and has ended.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait([task, watch], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        await _settle(watch)
        await _settle(task)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _settle(task: asyncio.Future[T] | None) -> None:
    """Cancels a task unless it is done, and waits for its end; its result is not wanted."""
    if task is None:
        return
    if not task.done():
        task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


def sse(data: str, event: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event is not None else ""
    return f"{head}data: {data}\n\n".encode()


SSE_COMMENT: Final = b": waiting\n\n"
"""An event that clients ignore."""
