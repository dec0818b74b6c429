"""What the kernel tests share: running one kernel, random weights, and how close is close."""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core
from tests.reference.formats import Float64, bf16_decode, bf16_encode, mxfp4_decode, q8_decode

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]
Buffers = Mapping[int, Any]

HEAD: Final = 64
PAGE: Final = 256
"""Positions of a page of the KV cache (GPTOSS_PAGE_POSITIONS)."""
ALL: Final = 0xFFFFFFFF
"""The window of a layer that sees everything."""


@functools.cache
def launcher(dense_q8: bool, exact: bool) -> Any:
    """The kernels compiled with these function constants, once per run."""
    return _core.Launcher(dense_q8, exact)


def launch(
    kernel: str,
    args: bytes,
    buffers: Buffers,
    count: int,
    *,
    dense_q8: bool = True,
    exact: bool = False,
) -> None:
    """Run one kernel; the arrays that it writes change in place.

    Args:
        args: its argument struct, see ``pack``.
        buffers: arrays by index; a list is a page table, one array per page.
        count: tokens, or tiles of the grouped kernels.
    """
    launcher(dense_q8, exact).run(kernel, args, buffers, count)


def pack(*values: int | float) -> bytes:
    """An argument struct: uint for each int, float for each float."""
    layout = "<" + "".join("f" if isinstance(value, float) else "I" for value in values)
    return struct.pack(layout, *values)


def empty(*shape: int) -> Float32:
    """A float array for a kernel to write: what it leaves out stays NaN."""
    return np.full(shape, np.nan, dtype=np.float32)


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Float32:
    """Normal random numbers."""
    return (rng.standard_normal(shape) * scale).astype(np.float32)


class Matrix(NamedTuple):
    """A dense matrix as a kernel reads it (two buffers), and as it is."""

    weights: Array
    """int8 or bf16 bits [rows, cols]"""
    scales: Array
    """float16 [rows, cols / 32], or the weights once more"""
    values: Float64


def dense(rng: np.random.Generator, rows: int, cols: int, q8: bool) -> Matrix:
    """A random matrix whose products with normal vectors are about 1."""
    if not q8:
        bits = bf16_encode(rng.standard_normal((rows, cols)) / np.sqrt(cols))
        return Matrix(bits, bits, bf16_decode(bits))
    quants = rng.integers(-128, 128, (rows, cols), dtype=np.int8)
    scales = rng.uniform(0.5, 1.5, (rows, cols // 32)) / (74 * np.sqrt(cols))
    halves = scales.astype(np.float16)
    return Matrix(quants, halves, q8_decode(quants, halves))


class Experts(NamedTuple):
    """The MXFP4 matrices of some experts."""

    blocks: npt.NDArray[np.uint8]
    """[experts, rows, cols / 32, 16]"""
    scales: npt.NDArray[np.uint8]
    """[experts, rows, cols / 32]"""
    bias: Float32
    """[experts, rows]"""

    def values(self, expert: int) -> Float64:
        """[rows, cols] of one expert."""
        return mxfp4_decode(self.blocks[expert], self.scales[expert])


def experts(rng: np.random.Generator, count: int, rows: int, cols: int) -> Experts:
    """Random matrices whose products with normal vectors are about 1."""
    groups = cols // 32
    blocks = rng.integers(0, 256, (count, rows, groups, 16), dtype=np.uint8)
    exponent = 127 - round(np.log2(2.9 * np.sqrt(cols)))
    scales = rng.integers(exponent - 1, exponent + 2, (count, rows, groups), dtype=np.uint8)
    return Experts(blocks, scales, normal(rng, count, rows, scale=0.2))


def pages(kv_heads: int, positions: int, exact: bool, fill: float = np.nan) -> list[Array]:
    """The pages that hold `positions` slots; what nobody writes is NaN."""
    kind = np.float32 if exact else np.float16
    shape = (kv_heads, 2, PAGE, HEAD)
    return [np.full(shape, fill, dtype=kind) for _ in range(-(-positions // PAGE))]


def page_rows(cache: list[Array], slots: npt.NDArray[np.int64], value: bool) -> Array:
    """Keys or values [slots, kv_heads, 64] of a cache."""
    return np.stack([cache[slot // PAGE][:, int(value), slot % PAGE] for slot in slots])


def store_rows(
    cache: list[Array], slots: npt.NDArray[np.int64], keys: Array, values: Array
) -> None:
    """Put keys and values [slots, kv_heads, 64] into a cache."""
    for slot, key, value in zip(slots, keys, values, strict=True):
        cache[slot // PAGE][:, 0, slot % PAGE] = key
        cache[slot // PAGE][:, 1, slot % PAGE] = value


def deviation(actual: Array, expected: Float64) -> float:
    """The largest difference, as a share of the largest expected value."""
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all(), f"{np.count_nonzero(~np.isfinite(actual))} not finite"
    scale = float(np.abs(expected).max())
    return float(np.abs(actual - expected).max()) / (scale or 1.0)


def assert_close(actual: Array, expected: Float64, tolerance: float) -> None:
    """No value is further off than `tolerance` times the largest expected one."""
    found = deviation(actual, expected)
    assert found <= tolerance, f"off by {found:.2e} of the largest value, {tolerance:.0e} allowed"
