"""How much the engine takes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gptoss_metal.errors import Error

CHUNKS: Final = {"cpu": 128, "metal": 512}
"""Prompt tokens of a step. At 20b shape the CPU is as fast with 128 as with 512 (docs/SPEED.md)."""
DIVISIBLE: Final = {"cpu": True, "metal": False}
"""Whether a prompt's results are the same bits however it is divided."""


@dataclass(frozen=True)
class Limits:
    """The engine's bounds.

    Attributes:
        slots: sequences computed at the same time.
        queue: requests that may wait for a slot; one more is refused with Busy.
        chunk: prompt tokens computed at once, at most; None for what suits the backend.
        cache_bytes: memory for keys and values of running sequences and of the prefix cache; None
            for what the machine has left beside the model.
        keep_alive: seconds without work after which the model is unloaded; negative for never.
        context: tokens of a prompt and its answer together; None for the model's context.
        max_tokens: the most tokens any request may ask for; None for what fits the context.

    Raises:
        Error: a bound is out of its range.
    """

    slots: int = 8
    queue: int = 64
    chunk: int | None = None
    cache_bytes: int | None = None
    keep_alive: float = -1.0
    context: int | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        """Checks every bound."""
        self._check("slots", self.slots, 1)
        self._check("queue", self.queue, 0)
        self._check("chunk", self.chunk, 1)
        self._check("cache_bytes", self.cache_bytes, 1)
        self._check("context", self.context, 2)
        self._check("max_tokens", self.max_tokens, 1)

    def chunk_on(self, backend: str) -> int:
        """The chunk on a backend: as long as it makes prefill faster there, and no longer."""
        return self.chunk or CHUNKS[backend]

    def chunk_beside_on(self, backend: str) -> int:
        """The most prompt tokens of a step that running streams wait for.

        Half a chunk where that does not change results: the gap between two tokens is half as long
        and prefill hardly slower (docs/SPEED.md).
        """
        chunk = self.chunk_on(backend)
        return (chunk + 1) // 2 if DIVISIBLE[backend] else chunk

    def _check(self, name: str, value: int | None, least: int) -> None:
        if value is not None and value < least:
            raise Error(f"[engine] {name} is {value}. Try: {least} or more.")
