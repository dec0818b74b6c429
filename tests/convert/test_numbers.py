"""The q8 and bfloat16 formats, number by number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gptoss_metal.convert.numbers import all_finite, quantize_q8, to_bf16, widen


def bf16(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return bfloat16 bits as torch rounds them."""
    tensor = torch.from_numpy(values.astype(np.float32)).bfloat16()
    return tensor.view(torch.int16).numpy().view(np.uint16)


def test_every_bfloat16_widens_exactly() -> None:
    bits = np.arange(65536, dtype=np.uint16)
    wanted = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()
    assert np.array_equal(widen(bits).view(np.uint32), wanted.view(np.uint32))
    finite = np.isfinite(wanted)
    assert [all_finite(bits[i : i + 1]) for i in range(0, 65536, 97)] == list(finite[::97])


def test_rounding_to_bfloat16_is_torchs() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 200_000, dtype=np.uint32)
    bits[:1000] = (bits[:1000] & 0xFFFF0000) | 0x8000  # ties
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    assert np.array_equal(to_bf16(values), bf16(values))


@pytest.mark.parametrize("magnitude", [1e-9, 1e-7, 3e-6, 1e-3, 0.02, 1.0, 3e4])
def test_q8_is_the_nearest_step(magnitude: float) -> None:
    values = bf16(np.random.default_rng(1).standard_normal((4096, 32)) * magnitude)
    values[5] = 0
    values[6, 1:] = 0
    w = widen(values).astype(np.float64)
    flat, scales = quantize_q8(values.reshape(-1))
    q, scale = flat.reshape(w.shape), scales.astype(np.float64)[:, None]
    assert np.abs(q).max() <= 127
    assert np.all(scale[5] == 0)
    assert not q[5].any()
    assert np.all(np.abs(w - q * scale) <= scale * (0.5 + 127 * 2**-11))
    wanted = (np.abs(w).max(axis=1, keepdims=True) / 127).astype(np.float16).astype(np.float64)
    normal = wanted >= 2**-14
    assert np.array_equal(scale[normal], wanted[normal])
    assert np.all((scale >= wanted) | (w == 0))
    assert np.all(scale[np.abs(w).max(axis=1) > 0] > 0)


def test_q8_rounds_half_to_even_from_any_type() -> None:
    values = np.zeros(64, np.float32)
    values[:6] = [127, 0.5, 1.5, 2.5, -0.5, -1.5]
    values[32:34] = [-254, 3]
    for typed in (values, values.astype(np.float16), bf16(values)):
        q, scale = quantize_q8(typed)
        assert q[:6].tolist() == [127, 0, 2, 2, 0, -2]
        assert q[32:34].tolist() == [-127, 2]
        assert scale.tolist() == [1, 2]


def test_q8_refuses_what_a_scale_cannot_hold() -> None:
    values = np.zeros(32, np.float32)
    values[3] = 65504 * 127
    assert quantize_q8(values)[1] == [65504]
    values[3] = 65505 * 127
    with pytest.raises(OverflowError, match="beyond q8"):
        quantize_q8(values)
