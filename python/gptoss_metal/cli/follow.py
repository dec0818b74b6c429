"""Generations in the foreground: Ctrl-C stops them between two tokens."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from gptoss_metal.generation import Generation

T = TypeVar("T")


def follow(generation: Generation[T], show: Callable[[T], None]) -> bool:
    """Shows what a generation yields.

    The work runs on a thread, because Python sees Ctrl-C only between steps of the main one. After
    Ctrl-C the generation is cancelled and its last events are shown.

    Returns:
        Whether it was interrupted.
    """
    events: queue.SimpleQueue[T | _End] = queue.SimpleQueue()

    def pump() -> None:
        end = _End(None)
        try:
            with generation:
                for event in generation:
                    events.put(event)
        except BaseException as error:
            end = _End(error)
        events.put(end)

    threading.Thread(target=pump, name="gptoss-metal", daemon=True).start()
    interrupted = False
    while True:
        try:
            event = events.get()
            if isinstance(event, _End):
                if event.error is not None:
                    raise event.error
                return interrupted
            show(event)
        except KeyboardInterrupt:
            interrupted = True
            generation.cancel()
        except BaseException:
            generation.cancel()
            raise


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
