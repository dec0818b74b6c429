"""Prefixes with made-up contents, for tests of the disk store alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gptoss_metal.engine.disk.shelf import Stored

PAGE = 16
IDENTITY = hashlib.sha256(b"a model").digest()


@dataclass
class MadeUp:
    """A prefix whose bytes follow from its tokens; `read` lists what was asked of it."""

    tokens: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        self.read: list[str] = []

    def page(self, index: int) -> bytes:
        self.read.append(f"page {index}")
        return self._bytes("page", self.tokens[: (index + 1) * PAGE], 700)

    def window(self) -> bytes:
        self.read.append("window")
        return self._bytes("window", self.tokens, 300)

    def _bytes(self, what: str, tokens: npt.NDArray[np.int32], count: int) -> bytes:
        return hashlib.shake_128(what.encode() + tokens.tobytes()).digest(count)

    def matches(self, stored: Stored) -> bool:
        """Whether all that was read back is right."""
        count = -(-len(self.tokens) // PAGE)
        return (
            stored.tokens.tolist() == self.tokens.tolist()
            and stored.pages == [self.page(index) for index in range(count)]
            and stored.window == self.window()
        )


def made_up(length: int, seed: int = 0, shared: int = 0) -> MadeUp:
    """A prefix of random tokens; its first `shared` are the same for all seeds."""
    common = np.random.default_rng(0).integers(0, 200_000, shared, np.int32)
    own = np.random.default_rng(seed + 1).integers(0, 200_000, length - shared, np.int32)
    return MadeUp(np.concatenate([common, own]))
