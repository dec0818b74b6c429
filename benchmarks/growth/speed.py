"""Seconds per token of one model: decoding behind a context or in a batch, and prefill."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.batch import Batches
from gptoss_metal import _core

from .cache import Cache

WARM_UP: Final = 2
BATCH_PROMPT: Final = 16
CHUNK: Final = 512
MOST_PREFILLS: Final = 8
"""Of a short prompt, which would be too short to time once."""


class Speed:
    """One model, its threads and random tokens."""

    def __init__(self, path: Path, steps: int, threads: int = 0) -> None:
        """Load it.

        Args:
            steps: tokens to decode per sample.
            threads: 0 for as many as it chooses.
        """
        self.model = _core.Model(str(path), threads=threads)
        self._steps = steps
        self._rng = np.random.default_rng(0)

    def decode(self, depth: int = 0) -> float:
        """Seconds per token behind so many others: none, or a multiple of `cache.PAGE`."""
        session = _core.Session(self.model, depth + WARM_UP + self._steps, CHUNK)
        if depth:
            session.restore(self._cache.prefix(depth))
        self._generate(session, WARM_UP)
        return self._generate(session, self._steps) / self._steps

    def batch(self, size: int) -> float:
        """Seconds per token of so many sequences decoded together, 8 at most."""
        return self._batches.seconds(size, self._steps) / size

    def prefill(self, count: int) -> float:
        """Seconds per token of a prompt of so many; the mean of several short ones."""
        session = _core.Session(self.model, count, CHUNK)
        times = max(1, min(MOST_PREFILLS, self._steps // count))
        prompts = [self._tokens(count) for _ in range(times)]
        begun = time.perf_counter()
        for prompt in prompts:
            session.rewind(0)
            session.sync(prompt)
            session.logits()
        return (time.perf_counter() - begun) / (times * count)

    @cached_property
    def _cache(self) -> Cache:
        return Cache(self.model, self._rng)

    @cached_property
    def _batches(self) -> Batches:
        return Batches(self.model, 8, BATCH_PROMPT, self._rng)

    def _generate(self, session: _core.Session, count: int) -> float:
        begun = time.perf_counter()
        for token in self._tokens(count):
            session.step(int(token))
            session.logits()
        return time.perf_counter() - begun

    def _tokens(self, count: int) -> NDArray[np.int32]:
        return self._rng.integers(0, int(self.model.config["vocab_size"]), count, np.int32)
