"""The dense projections of decode: out and unembed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.formats import q8_decode
from tests.reference.operations import linear, rms_norm

from .arrays import assert_close, dense, empty, launch, normal, pack

EPS = 1e-5


@pytest.mark.parametrize("q8", [True, False])
@pytest.mark.parametrize(
    ("count", "rows", "cols"),
    [(1, 2880, 4096), (3, 2880, 4096), (1, 64, 64), (8, 192, 192), (5, 2880, 64), (2, 64, 1088)],
)
def test_out(count: int, rows: int, cols: int, q8: bool) -> None:
    rng = np.random.default_rng(rows + cols)
    weights = dense(rng, rows, cols, q8)
    attended, bias = normal(rng, count, cols), normal(rng, rows)
    residual = normal(rng, count, rows)
    expected = residual + linear(attended.astype(float), weights.values, bias.astype(float))
    buffers = {1: attended, 2: weights.weights, 3: weights.scales, 4: bias, 5: residual}
    launch("out", pack(count, rows, cols, 1, 1), buffers, count, dense_q8=q8)
    assert_close(residual, expected, 5e-7)


@pytest.mark.parametrize("q8", [True, False])
@pytest.mark.parametrize(
    ("count", "hidden", "vocab"),
    [(1, 2880, 2011), (2, 2880, 64), (8, 64, 1), (8, 192, 65), (3, 64, 130), (1, 1024, 127)],
)
def test_unembed(count: int, hidden: int, vocab: int, q8: bool) -> None:
    rng = np.random.default_rng(hidden + vocab)
    weights = dense(rng, vocab, hidden, q8)
    residual, norm = normal(rng, count, hidden, scale=30), normal(rng, hidden)
    logits = empty(count, vocab)
    buffers = {1: residual, 2: norm, 3: weights.weights, 4: weights.scales, 5: logits}
    launch("unembed", pack(count, hidden, vocab, EPS), buffers, count, dense_q8=q8)
    normed = rms_norm(residual.astype(np.float64), norm.astype(np.float64), EPS)
    assert_close(logits, linear(normed, weights.values), 1e-6)


def test_every_int8_times_extreme_scales() -> None:
    """All 256 codes, each alone in its row; scales from subnormal to the largest half."""
    rows, cols = 256, 256
    quants = np.zeros((rows, cols), dtype=np.int8)
    quants[np.arange(rows), np.arange(rows)] = np.arange(-128, 128)
    scales = np.zeros((rows, cols // 32), dtype=np.float16)
    scales[:] = np.array([2**-24, 2**-20, 2**-14, 1 / 127, 1, 100, 65504, 1 / 3])
    residual = np.zeros((1, rows), dtype=np.float32)
    attended, bias = np.ones((1, cols), dtype=np.float32), np.zeros(rows, dtype=np.float32)
    buffers = {1: attended, 2: quants, 3: scales, 4: bias, 5: residual}
    launch("out", pack(1, rows, cols, 1, 1), buffers, 1)
    expected = q8_decode(quants, scales).sum(axis=1)
    # Every other code of its chunk is 0, so nothing but the last addition of the scale can round.
    np.testing.assert_allclose(residual[0], expected, rtol=1e-6, atol=0)
