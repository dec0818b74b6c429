"""The command loop of workers whose whole model would take too much memory or too many minutes.

They run two layers and none, and what a layer costs is multiplied by the model's layers. Nothing
here needs gptoss-metal: these workers run in environments of their own.
"""

from __future__ import annotations

import json
import random
import sys
import time
from abc import ABC, abstractmethod

LAYERS = 2
"""That are run: one with a sliding window, one without."""


class Part(ABC):
    """The first `LAYERS` layers of a model, with embedding and head.

    Attributes:
        vocabulary: tokens.
        longest: prompt that is timed as a whole; what longer ones cost is multiplied.
    """

    vocabulary: int
    longest: int

    @abstractmethod
    def start(self, layers: int) -> None:
        """Begin a new sequence that so many layers compute: `LAYERS` or 0."""

    @abstractmethod
    def feed(self, tokens: list[int]) -> None:
        """Append tokens and return when the last one's logits are there."""


def whole(head: float, part: float, layers: int, factor: float = 1) -> float:
    """Seconds of the whole model from those of no layer and of `LAYERS`.

    ``factor``: how many times the layers' work is to be counted.
    """
    return head + (part - head) / LAYERS * layers * factor


class Scaled:
    """Times a part, and gives the seconds of a model of so many layers."""

    def __init__(self, part: Part, layers: int) -> None:
        self._part = part
        self._layers = layers
        self._random = random.Random(0)

    def prefill(self, count: int) -> float:
        """Seconds of a prompt of random tokens."""
        timed = min(count, self._part.longest)
        head, part = (self._prompt(timed, layers) for layers in (0, LAYERS))
        return whole(head, part, self._layers, count / timed)

    def decode(self, count: int) -> float:
        """Seconds of random tokens, one by one."""
        head, part = (self._steps(count, layers) for layers in (0, LAYERS))
        return whole(head, part, self._layers)

    def _prompt(self, count: int, layers: int) -> float:
        for _ in range(2):  # the first is a warm-up
            self._part.start(layers)
            tokens = self._tokens(count)
            begun = time.perf_counter()
            self._part.feed(tokens)
            taken = time.perf_counter() - begun
        return taken

    def _steps(self, count: int, layers: int) -> float:
        self._part.start(layers)
        self._part.feed(self._tokens(1))
        tokens = self._tokens(count)
        begun = time.perf_counter()
        for token in tokens:
            self._part.feed([token])
        return time.perf_counter() - begun

    def _tokens(self, count: int) -> list[int]:
        return [self._random.randrange(self._part.vocabulary) for _ in range(count)]


def serve(part: Part, layers: int, threads: int) -> None:
    """Answer commands from stdin, as llama/worker.cpp does; depth is always 0."""
    scaled = Scaled(part, layers)
    print(json.dumps({"threads": threads}), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["prefill", count]:
                seconds = scaled.prefill(int(count))
            case ["decode", "0", count]:
                seconds = scaled.decode(int(count))
            case _:
                sys.exit(f"unknown command: {line.strip()}")
        print(json.dumps({"seconds": seconds}), flush=True)
