"""Several event streams as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

T = TypeVar("T")


async def merge(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[int, T], None]:
    """Yields what the streams yield, as it comes, each with its stream's number.

    The first error ends all of them; all are closed in every case.
    """
    coming: dict[asyncio.Future[T], int] = {}
    try:
        for number, stream in enumerate(streams):
            coming[asyncio.ensure_future(anext(stream))] = number
        while coming:
            ready, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for future in ready:
                number = coming.pop(future)
                try:
                    item = future.result()
                except StopAsyncIteration:
                    continue
                coming[asyncio.ensure_future(anext(streams[number]))] = number
                yield number, item
    finally:
        for future in coming:
            future.cancel()
        if coming:
            await asyncio.wait(coming)
        for stream in streams:
            await stream.aclose()
