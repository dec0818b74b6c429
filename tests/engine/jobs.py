"""Jobs, and what a model answers to them alone."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from gptoss_metal import Sampling
from gptoss_metal.engine import Job, Stream
from gptoss_metal.engine.constraint import Mask

GREEDY = Sampling(temperature=0)
VOCAB = 640
PATIENT = 60.0


def prompt(length: int, seed: int = 0, shared: int = 0) -> npt.NDArray[np.int32]:
    """Random ids; the first `shared` are the same for all seeds."""
    common = np.random.default_rng(99).integers(1, VOCAB, shared, np.int32)
    own = np.random.default_rng(seed).integers(1, VOCAB, length - shared, np.int32)
    return np.concatenate([common, own])


def job(length: int, limit: int | None = 8, seed: int = 0, shared: int = 0, **more: object) -> Job:
    """A greedy job that only its limit ends."""
    values: dict[str, object] = {
        "sampling": GREEDY,
        "limit": limit,
        "stop_tokens": frozenset(),
        **more,
    }
    return Job(prompt(length, seed, shared), **values)  # type: ignore[arg-type]


def ids(stream: Stream) -> list[int]:
    """All tokens of a stream."""
    return [sampled.id for sampled in stream]


class Gate:
    """A constraint that allows everything, and lets a generation go on only when told.

    `reached` is set when the mask after `hold_after` tokens is asked for; `open` lets it go on.
    """

    def __init__(self, hold_after: int = 1) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        self.accepted: list[int] = []
        self._hold_after = hold_after

    def mask(self) -> Mask | None:
        """Waits at the gate."""
        if len(self.accepted) == self._hold_after:
            self.reached.set()
            assert self.open.wait(PATIENT)
        return None

    def accept(self, token: int) -> None:
        """Counts."""
        self.accepted.append(token)
