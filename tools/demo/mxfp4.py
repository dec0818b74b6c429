"""MXFP4 in numpy: blocks of 32 E2M1 values with one power-of-two scale (OCP MX 1.0)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
VALUES = np.array(
    [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=np.float32
)


def quantize(weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Round to MXFP4 along the last dimension, exactly as ``trainer.fake_quant`` does.

    Args:
        weight: [..., n], n a multiple of 32, finite.

    Returns:
        blocks [..., n/32, 16] (low nibble first) and scales [..., n/32] (E8M0, bias 127).
    """
    values = weight.reshape(*weight.shape[:-1], -1, BLOCK)
    mantissa, exponent = np.frexp(np.abs(values).max(-1))
    exponent = np.clip(exponent - 3 + (mantissa > 0.75), -126, 127)
    ratio = values / np.ldexp(np.float32(1), exponent)[..., None]
    size = np.abs(ratio)
    step = np.where(size < 2, 0.5, np.where(size < 4, 1.0, 2.0)).astype(np.float32)
    codes = np.searchsorted(VALUES[:8], np.rint(size / step) * step).astype(np.uint8)
    codes |= (np.signbit(ratio) & (codes > 0)).astype(np.uint8) << 3
    blocks = codes[..., 0::2] | codes[..., 1::2] << 4
    return blocks, (exponent + 127).astype(np.uint8)


def dequantize(blocks: NDArray[np.uint8], scales: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the float32 values [..., n] of blocks [..., n/32, 16] and scales [..., n/32]."""
    codes = np.stack((blocks & 15, blocks >> 4), -1).reshape(*blocks.shape[:-1], BLOCK)
    scale = np.ldexp(np.float32(1), scales.astype(np.int32) - 127)
    values: NDArray[np.float32] = VALUES[codes] * scale[..., None]
    return values.reshape(*values.shape[:-2], -1)
