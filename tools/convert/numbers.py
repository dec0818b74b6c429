"""Number formats: bfloat16 as uint16 bits, float32, and int8 groups of 32 with a float16 scale."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .layout import GROUP

Q8_MAX: Final = 127
F16_MAX: Final = 65504.0
_STEP: Final = 1 << 19  # weights quantized at a time: temporaries stay in the cache


def widen(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return bfloat16 bits (uint16), float16 or float32 values as float32, exactly."""
    if values.dtype == np.uint16:
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32, copy=False)


def to_bf16(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return values as bfloat16 bits; float16 and float32 are rounded to nearest, ties to even.

    Bits that already are bfloat16 pass unchanged. A float32 beyond bfloat16's range becomes
    infinite.
    """
    if values.dtype == np.uint16:
        return values
    bits = widen(values).view(np.uint32)
    odd = (bits >> 16) & 1
    return ((bits + (0x7FFF + odd)) >> 16).astype(np.uint16)


def all_finite(values: NDArray[Any]) -> bool:
    """Return whether bfloat16 bits (uint16) or floats hold no infinity and no NaN."""
    if values.dtype == np.uint16:
        return not bool(np.any((values & 0x7F80) == 0x7F80))
    return bool(np.isfinite(values).all())


def quantize_q8(values: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Quantize flat weights (bfloat16 bits, float16 or float32) in groups of 32.

    Per group: scale = float16(max|w| / 127), the next float16 up where a weight would pass 127;
    q = w / scale rounded half to even, at most ±127. A group of zeros has scale 0.

    Args:
        values: [n], n a multiple of 32, finite.

    Returns:
        q [n] and scale [n / 32]; weight = q * scale.

    Raises:
        OverflowError: a scale would pass 65504.
    """
    q = np.empty(values.size, np.int8)
    scale = np.empty(values.size // GROUP, np.float16)
    for start in range(0, values.size, _STEP):
        step = widen(values[start : start + _STEP]).reshape(-1, GROUP)
        groups = slice(start // GROUP, start // GROUP + len(step))
        scale[groups] = _scales(step)
        divisor = scale[groups].astype(np.float32)
        divisor[divisor == 0] = 1
        quotient = step / divisor[:, None]
        np.rint(quotient, out=quotient)
        np.clip(quotient, -Q8_MAX, Q8_MAX, out=quotient)
        q[start : start + step.size] = quotient.reshape(-1)
    return q, scale


def _scales(groups: NDArray[np.float32]) -> NDArray[np.float16]:
    # Over so short rows reduceat is three times as fast as max(axis=1).
    magnitudes = np.abs(groups).reshape(-1)
    largest = np.maximum.reduceat(magnitudes, np.arange(0, magnitudes.size, GROUP))
    wanted = largest / np.float32(Q8_MAX)
    if np.any(wanted > F16_MAX):
        raise OverflowError(f"a weight of magnitude {largest.max():g} is beyond q8")
    scale: NDArray[np.float16] = wanted.astype(np.float16)
    # A rounded-down scale is too small only among float16's subnormal numbers, or when it is 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        too_small = np.rint(largest / scale.astype(np.float32)) > Q8_MAX
    bits = scale.view(np.uint16)
    bits += too_small
    return scale
