"""Random weights in the formats of the model file, each with the values it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gptoss_metal.selftest.case import Array, Float64

E2M1: Final = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Dense:
    """A dense matrix [rows, cols]: its two buffers, and its values."""

    first: Array
    second: Array
    values: Float64


@dataclass(frozen=True)
class Mxfp4:
    """Expert matrices [experts, rows, cols]: blocks, scales, and their values."""

    blocks: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.uint8]
    values: Float64


def floats(rng: np.random.Generator, *shape: int, spread: float = 1.0) -> Float32:
    """Normally distributed float32."""
    values: Float32 = rng.standard_normal(shape, np.float32) * np.float32(spread)
    return values


def empty(*shape: int) -> Float32:
    """What a kernel must overwrite: NaN."""
    return np.full(shape, np.nan, np.float32)


def bf16(rng: np.random.Generator, *shape: int, spread: float = 1.0) -> npt.NDArray[np.uint16]:
    """Normally distributed bfloat16 bit patterns (cut, not rounded)."""
    bits: npt.NDArray[np.uint32] = floats(rng, *shape, spread=spread).view(np.uint32)
    return (bits >> 16).astype(np.uint16)


def bf16_values(bits: npt.NDArray[np.uint16]) -> Float64:
    """The values of bfloat16 bit patterns."""
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def dense(rng: np.random.Generator, rows: int, cols: int, *, q8: bool) -> Dense:
    """A matrix of about unit gain, as int8 groups of 32 or as bfloat16 (bound twice)."""
    spread = cols**-0.5
    if not q8:
        bits = bf16(rng, rows, cols, spread=spread)
        return Dense(bits, bits, bf16_values(bits))
    quants = rng.integers(-127, 128, (rows, cols), np.int8)
    scales = (rng.uniform(0.5, 1, (rows, cols // 32)) * 2 * spread / 127).astype(np.float16)
    values = quants * np.repeat(scales.astype(np.float64), 32, axis=1)
    return Dense(quants, scales, values)


def mxfp4(rng: np.random.Generator, experts: int, rows: int, cols: int) -> Mxfp4:
    """Expert matrices with scales 2^-9 to 2^-4."""
    blocks = rng.integers(0, 256, (experts, rows, cols // 32, 16), np.uint8)
    scales = rng.integers(118, 124, (experts, rows, cols // 32), np.uint8)
    return Mxfp4(blocks, scales, mxfp4_values(blocks, scales))


def mxfp4_values(blocks: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint8]) -> Float64:
    """E2M1 codes, the lower nibble first, times 2^(scale - 127) per block of 32."""
    codes = np.stack([E2M1[blocks & 15], E2M1[blocks >> 4]], axis=-1)
    values = codes.reshape(*blocks.shape[:-1], 32)
    result: Float64 = np.ldexp(values, scales.astype(np.int32)[..., None] - 127)
    return result.reshape(*blocks.shape[:-2], -1)
