"""The kernel router: norm, logits, the best experts and their shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.reference.formats import bf16_decode, bf16_encode
from tests.reference.operations import linear, rms_norm, route

from .arrays import Float32, assert_close, empty, launch, normal, pack

EPS = 1e-5
Weights = npt.NDArray[np.uint16]
Result = tuple[Float32, npt.NDArray[np.uint32], Float32]


def run(residual: Float32, norm: Float32, weights: Weights, bias: Float32, top_k: int) -> Result:
    """normed, chosen and the shares, as the kernel writes them."""
    count, hidden = residual.shape
    normed, shares = empty(count, hidden), empty(count, top_k)
    chosen = np.full((count, top_k), 0xFFFFFFFF, dtype=np.uint32)
    buffers = {1: residual, 2: norm, 3: weights, 4: bias, 5: normed, 6: chosen, 7: shares}
    launch("router", pack(hidden, len(bias), top_k, EPS), buffers, count)
    return normed, chosen, shares


@pytest.mark.parametrize(
    ("count", "hidden", "experts", "top_k"),
    [
        (1, 2880, 32, 4),
        (3, 2880, 128, 4),
        (8, 64, 1, 1),
        (2, 64, 5, 5),
        (5, 192, 128, 8),
        (1, 192, 2, 1),
        (2, 1088, 31, 8),
        (1, 64, 33, 4),
        (1, 128, 125, 3),
    ],
)
def test_router(count: int, hidden: int, experts: int, top_k: int) -> None:
    rng = np.random.default_rng(hidden + experts)
    residual, norm = normal(rng, count, hidden, scale=20), normal(rng, hidden)
    weights = bf16_encode(rng.standard_normal((experts, hidden)) / np.sqrt(hidden))
    bias = normal(rng, experts)
    normed, chosen, shares = run(residual, norm, weights, bias, top_k)
    expected = rms_norm(residual.astype(np.float64), norm.astype(np.float64), EPS)
    assert_close(normed, expected, 5e-7)
    indices, expected_shares = route(
        linear(expected, bf16_decode(weights), bias.astype(float)), top_k
    )
    np.testing.assert_array_equal(chosen, indices)
    assert_close(shares, expected_shares, 2e-6)


def test_among_equal_logits_the_lower_expert_wins() -> None:
    """Logits are the bias alone; lanes hold experts 0, 32, 64 and 96 and so on."""
    bias = np.full(128, -1.0, dtype=np.float32)
    bias[[3, 35, 67, 64, 99, 127]] = 2.0
    bias[[0, 96]] = 1.0
    ones = np.ones((1, 64), dtype=np.float32)
    weights = np.zeros((128, 64), dtype=np.uint16)
    _, chosen, shares = run(ones, ones[0], weights, bias, 8)
    assert chosen[0].tolist() == [3, 35, 64, 67, 99, 127, 0, 96]
    expected = np.exp([2.0] * 6 + [1.0] * 2)
    assert_close(shares[0], expected / expected.sum(), 1e-6)


@pytest.mark.parametrize("experts", [4, 32, 128])
def test_all_equal(experts: int) -> None:
    ones = np.ones((2, 64), dtype=np.float32)
    weights = np.full((experts, 64), bf16_encode(0.5), dtype=np.uint16)
    _, chosen, shares = run(ones, ones[0], weights, np.zeros(experts, dtype=np.float32), 4)
    np.testing.assert_array_equal(chosen, [[0, 1, 2, 3]] * 2)
    np.testing.assert_array_equal(shares, 0.25)


def test_broken_logits_still_choose_experts() -> None:
    """NaN and infinities must not make the next kernels read beyond the experts."""
    bias = np.array([np.nan, -np.inf, np.nan, 1.0, -np.inf], dtype=np.float32)
    ones = np.ones((1, 64), dtype=np.float32)
    _, chosen, _ = run(ones, ones[0], np.zeros((5, 64), dtype=np.uint16), bias, 4)
    assert chosen[0].tolist() == [3, 0, 1, 2]
