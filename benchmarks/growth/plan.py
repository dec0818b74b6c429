"""What is measured against what, and at which points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.peers.shapes import SHAPES as PEERS_SHAPES
from gptoss_metal.config import Config
from gptoss_metal.convert import shape

SHAPES: Final[dict[str, Config]] = {
    "tiny": PEERS_SHAPES["tiny"],
    "small": PEERS_SHAPES["small"],
    "layers4": shape(num_hidden_layers=4, vocab_size=20000),
    "20b": PEERS_SHAPES["20b"],
}
"""``small`` and ``layers4`` have 2 and 4 layers of 20b's width, half of each kind."""


@dataclass(frozen=True)
class Series:
    """One quantity against another.

    Attributes:
        group: what it is asked for by.
        title: what is measured, for people.
        axis: what grows.
        unit: ``tok/s`` or ``s``.
        points: on the axis; empty where machine or model decide them.
    """

    group: str
    title: str
    axis: str
    unit: str = "tok/s"
    points: tuple[int, ...] = ()


SERIES: Final[dict[str, Series]] = {
    "context": Series(
        "context", "decode", "tokens before", points=(0, *(1024 << power for power in range(6)))
    ),
    "batch": Series("batch", "decode together, sum", "sequences", points=(1, 2, 3, 4, 5, 6, 7, 8)),
    "prompt": Series(
        "prompt",
        "prefill",
        "tokens of prompt",
        points=(1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096),
    ),
    "threads": Series("threads", "decode", "threads"),
    "threads-prefill": Series("threads", "prefill 128", "threads"),
    "load": Series("load", "load", "bytes of file", "s"),
    "load-token": Series("load", "load to first token", "bytes of file", "s"),
}

CONTEXTS: Final = SERIES["context"].points[1:]
"""What the memory of a session is taken for."""
MEMORY: Final = "memory"
GROUPS: Final = (*dict.fromkeys(series.group for series in SERIES.values()), MEMORY)


def thread_counts(usable: int) -> list[int]:
    """Return powers of two up to so many cores, that count itself, and twice as many threads."""
    counts = {1 << power for power in range(usable.bit_length()) if 1 << power <= usable}
    return sorted(counts | {usable, 2 * usable})


def layer_counts(layers: int, most: int) -> list[int]:
    """Return powers of two up to ``most``, below a model's own count."""
    counts = (1 << power for power in range(most.bit_length()))
    return [count for count in counts if count <= most and count < layers]
