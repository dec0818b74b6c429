"""The experts of decode: gate_up and down."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.reference.formats import E2M1, Float64
from tests.reference.operations import linear, swiglu

from .arrays import Experts, Float32, assert_close, empty, experts, launch, normal, pack

LIMIT = 7.0
SHAPES = [  # tokens, experts, top_k, hidden, intermediate
    (1, 5, 4, 2880, 2880),
    (2, 3, 2, 64, 64),
    (8, 4, 1, 192, 128),
    (3, 8, 8, 64, 192),
    (1, 128, 4, 64, 64),
    (2, 1, 1, 1088, 64),
]
Chosen = npt.NDArray[np.uint32]


def choose(rng: np.random.Generator, count: int, total: int, top_k: int) -> Chosen:
    """Different experts for each token, the last one always among those of the first."""
    chosen = np.stack([rng.permutation(total)[:top_k] for _ in range(count)]).astype(np.uint32)
    if total - 1 not in chosen[0]:
        chosen[0, -1] = total - 1
    return chosen


def run_gate_up(x: Float32, chosen: Chosen, matrix: Experts, limit: float = LIMIT) -> Float32:
    (count, cols), top_k, rows = x.shape, chosen.shape[1], matrix.bias.shape[1]
    gated = empty(count, top_k, rows // 2)
    buffers = {1: x, 2: chosen, 3: matrix.blocks, 4: matrix.scales, 5: matrix.bias, 6: gated}
    launch("gate_up", pack(rows, cols, top_k, limit), buffers, count)
    return gated


def run_down(
    gated: Float32, chosen: Chosen, shares: Float32, matrix: Experts, residual: Float32
) -> None:
    (count, top_k, cols), rows = gated.shape, matrix.bias.shape[1]
    buffers = {
        1: gated,
        2: chosen,
        3: shares,
        4: matrix.blocks,
        5: matrix.scales,
        6: matrix.bias,
        7: residual,
    }
    launch("down", pack(rows, cols, top_k, 0.0), buffers, count)


def products(x: Float64, expert: int, matrix: Experts) -> Float64:
    row: Float64 = linear(x[None], matrix.values(expert), matrix.bias[expert].astype(float))[0]
    return row


@pytest.mark.parametrize(("count", "total", "top_k", "hidden", "width"), SHAPES)
def test_gate_up(count: int, total: int, top_k: int, hidden: int, width: int) -> None:
    rng = np.random.default_rng(hidden + total)
    matrix = experts(rng, total, 2 * width, hidden)
    x, chosen = normal(rng, count, hidden, scale=4), choose(rng, count, total, top_k)
    gated = run_gate_up(x, chosen, matrix)
    expected = np.empty(gated.shape)
    for t, j in np.ndindex(count, top_k):
        expected[t, j] = swiglu(products(x[t].astype(np.float64), chosen[t, j], matrix), LIMIT)
    assert_close(gated, expected, 1e-6)


@pytest.mark.parametrize(("count", "total", "top_k", "hidden", "width"), SHAPES)
def test_down(count: int, total: int, top_k: int, hidden: int, width: int) -> None:
    rng = np.random.default_rng(width + total)
    matrix = experts(rng, total, hidden, width)
    gated, chosen = normal(rng, count, top_k, width), choose(rng, count, total, top_k)
    shares, residual = normal(rng, count, top_k), normal(rng, count, hidden)
    expected = residual.astype(np.float64)
    for t, j in np.ndindex(count, top_k):
        product = products(gated[t, j].astype(np.float64), chosen[t, j], matrix)
        expected[t] += shares[t, j].astype(np.float64) * product
    run_down(gated, chosen, shares, matrix, residual)
    assert_close(residual, expected, 1e-6)


def single_codes(scale: int) -> tuple[Experts, Float32]:
    """An expert [256, 64] with a single code other than 0 in each row, and what it stands for.

    Row 16 * p + c has code c at place 4 * p; every other code is 0 or, in odd rows, -0.
    """
    rows, groups = 256, 2
    codes = np.zeros((rows, groups * 32), dtype=np.uint8)
    codes[1::2] = 8
    row = np.arange(rows)
    codes[row, row // 16 * 4 + row % 4] = row % 16
    blocks = (codes[:, 0::2] | codes[:, 1::2] << 4).astype(np.uint8).reshape(1, rows, groups, 16)
    scales = np.full((1, rows, groups), scale, dtype=np.uint8)
    bias = np.zeros((1, rows), dtype=np.float32)
    return Experts(blocks, scales, bias), E2M1[row % 16].astype(np.float32)


def through_down(matrix: Experts, x: float) -> Float32:
    """What `down` makes of a constant input: row sums times x."""
    gated = np.full((1, 1, 64), x, dtype=np.float32)
    residual = np.zeros((1, 256), dtype=np.float32)
    chosen, shares = np.zeros((1, 1), dtype=np.uint32), np.ones((1, 1), dtype=np.float32)
    run_down(gated, chosen, shares, matrix, residual)
    row: Float32 = residual[0]
    return row


def test_every_code_at_every_place_is_exact() -> None:
    """Codes 0 … 15, at places 0 … 63 of a row; 0.5 is a subnormal half on its way."""
    matrix, values = single_codes(127)
    np.testing.assert_array_equal(through_down(matrix, 1.0), values)


@pytest.mark.parametrize("scale", [0, 1, 13, 14, 112, 113, 126, 128, 239, 240, 241, 253, 254])
def test_every_range_of_scales_is_exact(scale: int) -> None:
    """2^-127 … 2^127, with inputs that bring the product back to the middle of float's range."""
    matrix, values = single_codes(scale)
    power = min(max(127 - scale, -126), 120)
    expected = values * np.float32(2.0) ** np.float32(scale - 127 + power)
    np.testing.assert_array_equal(through_down(matrix, float(2.0**power)), expected)


def test_a_scale_that_is_no_number() -> None:
    """E8M0's 255 is NaN: it must not turn into a plausible result."""
    matrix, _ = single_codes(255)
    assert np.isnan(through_down(matrix, 1.0)).all()


def test_scales_belong_to_their_own_blocks() -> None:
    rng = np.random.default_rng(0)
    matrix = experts(rng, 1, 64, 192)
    matrix.scales[:] = rng.integers(60, 200, matrix.scales.shape)
    gated = normal(rng, 1, 1, 192)
    residual = np.zeros((1, 64), dtype=np.float32)
    one = np.ones((1, 1), dtype=np.float32)
    run_down(gated, np.zeros((1, 1), dtype=np.uint32), one, matrix, residual)
    x = gated[0, 0].astype(np.float64)
    sizes = np.abs(matrix.values(0)) @ np.abs(x)  # what rounding is relative to; 1e-20 … 1e25
    assert (np.abs(residual[0] - products(x, 0, matrix)) <= 5e-7 * sizes).all()


def test_swiglu_clamps_and_saturates() -> None:
    """Gates and ups far beyond the limit on both sides; exp overflows where the gate is -200."""
    pairs = np.array([[100, 100], [-200, -100], [7, 7], [-7, 6.5], [0, -1], [90, -90]])
    pairs = np.concatenate([pairs, np.zeros((58, 2))]).astype(np.float32)
    blocks, scales = np.zeros((1, 128, 2, 16), np.uint8), np.full((1, 128, 2), 127, np.uint8)
    matrix = Experts(blocks, scales, pairs.reshape(1, 128))
    one = np.zeros((1, 1), dtype=np.uint32)
    gated = run_gate_up(np.ones((1, 64), dtype=np.float32), one, matrix, limit=7.0)
    assert_close(gated[0, 0], swiglu(pairs.reshape(-1).astype(np.float64), 7.0), 2e-7)
