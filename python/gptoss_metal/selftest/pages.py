"""A layer's KV cache as the kernels see it: pages of 256 positions, [kv_heads, 2, 256, 64]."""

from __future__ import annotations

from typing import Final

import numpy as np

from gptoss_metal.selftest.case import Array, Float64

PAGE: Final = 256
"""GPTOSS_PAGE_POSITIONS of metal/args.h."""
LARGEST_HALF: Final = 65504.0


class KvCache:
    """Pages with something in every slot: a kernel that reads or writes a wrong one is found."""

    def __init__(self, rng: np.random.Generator, kv_heads: int, ring: int, exact: bool) -> None:
        """Positions fall into slots modulo `ring`; float32 if `exact`, else float16."""
        self.dtype = np.float32 if exact else np.float16
        self.ring = ring
        shape = (-(-ring // PAGE), kv_heads, 2, PAGE, 64)
        self.pages: list[Array] = list((rng.standard_normal(shape) * 9).astype(self.dtype))

    @property
    def bound(self) -> float:
        """How exactly keys and values are kept, beside the largest of them."""
        return 1e-5 if self.dtype is np.float32 else 2**-11 * 1.01

    def copy(self) -> list[Array]:
        """The pages as they are now."""
        return [page.copy() for page in self.pages]

    def write(self, positions: Array, keys: Float64, values: Float64) -> None:
        """Stores keys and values [n, kv_heads, 64]; float16 saturates."""
        for position, key, value in zip(positions.tolist(), keys, values, strict=True):
            page, at = divmod(position % self.ring, PAGE)
            for part, vectors in enumerate((key, value)):
                kept = vectors
                if self.dtype is np.float16:
                    kept = np.clip(vectors, -LARGEST_HALF, LARGEST_HALF)
                self.pages[page][:, part, at] = kept

    def read(self, positions: Array) -> tuple[Float64, Float64]:
        """Keys and values of positions, [n, kv_heads, 64] each."""
        stacked = np.stack(self.pages).astype(np.float64)
        page, at = np.divmod(positions % self.ring, PAGE)
        return stacked[page, :, 0, at], stacked[page, :, 1, at]
