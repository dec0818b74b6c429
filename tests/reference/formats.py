"""Number formats of the weights, decoded to float64 without rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Tokens = Sequence[int] | npt.NDArray[np.integer[Any]]

GROUP = 32
"""Weights that share a scale, in MXFP4 and in q8."""

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
# The two values of each byte, as one complex number: NumPy gathers these four times faster.
_BYTES = np.arange(256)
_PAIRS = np.stack([E2M1[_BYTES & 15], E2M1[_BYTES >> 4]], axis=1).view(np.complex128)[:, 0]


def bf16_decode(bits: npt.NDArray[np.uint16]) -> Float64:
    """Values of bfloat16 bit patterns (uint16, any shape): the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def bf16_encode(values: npt.ArrayLike) -> npt.NDArray[np.uint16]:
    """Nearest bfloat16 bit patterns (ties to even) of finite values that float32 holds."""
    bits = np.asarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)


def mxfp4_decode(blocks: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint8]) -> Float64:
    """Values of an MXFP4 tensor (OCP Microscaling Formats 1.0).

    Args:
        blocks: [..., groups, 16] two E2M1 codes per byte, the lower nibble first.
        scales: [..., groups] E8M0: a value is its code times 2^(scale - 127); 255 is NaN.

    Returns:
        [..., groups * 32]
    """
    values = _PAIRS[blocks].view(np.float64)
    powers = np.ldexp(1.0, scales.astype(np.int32) - 127)
    powers[scales == 255] = np.nan
    values *= powers[..., None]
    return values.reshape(*blocks.shape[:-2], -1)


def q8_decode(quants: npt.NDArray[np.int8], scales: npt.NDArray[np.float16]) -> Float64:
    """Values of a q8 matrix: int8 [rows, cols] times one float16 per 32 columns."""
    rows, columns = quants.shape
    groups = quants.reshape(rows, columns // GROUP, GROUP).astype(np.float64)
    return (groups * scales.astype(np.float64)[..., None]).reshape(rows, columns)
