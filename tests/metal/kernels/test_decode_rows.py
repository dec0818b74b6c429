"""The kernels embed and norm_rows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.formats import bf16_decode
from tests.reference.operations import rms_norm

from .arrays import assert_close, empty, launch, normal, pack


@pytest.mark.parametrize(("count", "hidden"), [(1, 2880), (3, 64), (8, 192), (40, 320)])
def test_embed_widens_every_bit_pattern_exactly(count: int, hidden: int) -> None:
    rng = np.random.default_rng(count)
    rows = rng.integers(0, 1 << 16, (count, hidden), dtype=np.uint16)
    rows &= np.uint16(0xFF7F)  # keeps the exponent below that of infinity and NaN
    rows.flat[:4] = 0x0001, 0x8000, 0x7F7F, 0xFF7F  # subnormal, -0, largest, lowest
    residual = empty(count, hidden)
    launch("embed", pack(count, hidden), {1: rows, 2: residual}, count)
    np.testing.assert_array_equal(residual, bf16_decode(rows).astype(np.float32))


@pytest.mark.parametrize("hidden", [64, 192, 1024, 2880])
@pytest.mark.parametrize("count", [1, 5])
def test_norm_rows(hidden: int, count: int) -> None:
    rng = np.random.default_rng(hidden)
    residual = normal(rng, count, hidden, scale=40)
    norm = normal(rng, hidden)
    normed = empty(count, hidden)
    launch("norm_rows", pack(count, hidden, 1e-5), {1: residual, 2: norm, 3: normed}, count)
    expected = rms_norm(residual.astype(np.float64), norm.astype(np.float64), 1e-5)
    assert_close(normed, expected, 5e-7)


def test_norm_rows_of_zeros_and_of_values_beyond_half() -> None:
    residual = np.zeros((2, 128), dtype=np.float32)
    residual[1] = 1e6
    norm = np.ones(128, dtype=np.float32)
    normed = empty(2, 128)
    launch("norm_rows", pack(2, 128, 1e-5), {1: residual, 2: norm, 3: normed}, 2)
    np.testing.assert_array_equal(normed[0], 0)
    np.testing.assert_allclose(normed[1], 1, rtol=1e-6)
