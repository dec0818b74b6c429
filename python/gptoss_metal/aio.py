"""Generations for asyncio: the work runs on a thread, and stops when nobody listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Generic, TypeVar

from gptoss_metal.generation import Generation

T = TypeVar("T")


@dataclass(frozen=True)
class _End(Generic[T]):
    error: BaseException | None = None


async def iterate(generation: Generation[T]) -> AsyncGenerator[T, None]:
    """Yields what a generation yields, without blocking the event loop.

    When the consumer is cancelled or closes the iterator, the generation is cancelled and the
    thread is waited for, so that its session is free again.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[T | _End[T]] = asyncio.Queue()

    def pump() -> None:
        end: _End[T] = _End()
        try:
            with generation:
                for item in generation:
                    loop.call_soon_threadsafe(queue.put_nowait, item)
        except BaseException as error:
            end = _End(error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, end)

    thread = threading.Thread(target=pump, name="gptoss-metal", daemon=True)
    thread.start()
    try:
        while True:
            item = await queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        await asyncio.shield(asyncio.to_thread(generation.cancel))
        await asyncio.shield(asyncio.to_thread(thread.join))
