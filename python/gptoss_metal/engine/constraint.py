"""What may come next: a grammar, as the token loop sees it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint32]
"""Bit i of word i // 32 is set if token i may come next; [ceil(vocab / 32)]."""


class Constraint(Protocol):
    """Follows one generation. `accept` and `mask` are called in turn, from one thread at a time."""

    def mask(self) -> Mask | None:
        """The tokens that may come next; None for all. Computed while the device is busy."""

    def accept(self, token: int) -> None:
        """Notes a token that was generated."""
