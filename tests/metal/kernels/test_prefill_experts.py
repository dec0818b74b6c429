"""expert_sort, grouped_gate_up and grouped_down of prefill.

Default precision rounds activations to half (2^-11 of each; MXFP4 weights are exact in half); what
that makes of a product is less than 2^-10 of the largest result, SwiGLU's slope included. In exact
mode the only error is that of float32 sums, see test_prefill_dense.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.reference.formats import E2M1, Float64
from tests.reference.operations import linear, moe, swiglu

from .arrays import Experts, Float32, assert_close, empty, experts, launch, normal, pack

DEFAULT = 2.0**-10
LIMIT = 7.0
TILE = 32
"""Rows of a tile (GPTOSS_EXPERT_TILE)."""
Chosen = npt.NDArray[np.uint32]
Tiles = npt.NDArray[np.uint32]
"""[tiles, 3]: expert, first, rows"""


def tolerance(exact: bool, cols: int) -> float:
    return 2.0**-23 * float(np.sqrt(cols)) if exact else DEFAULT


def choose(rng: np.random.Generator, count: int, total: int, top_k: int) -> Chosen:
    """Different experts for each token."""
    return np.stack([rng.permutation(total)[:top_k] for _ in range(count)]).astype(np.uint32)


def run_sort(chosen: Chosen, total: int) -> tuple[Chosen, Tiles]:
    pairs = chosen.size
    order = np.full(pairs, 0xFFFFFFFF, dtype=np.uint32)
    tiles = np.full((pairs // TILE + total, 3), 0xFFFFFFFF, dtype=np.uint32)
    launch("expert_sort", pack(pairs, total, len(tiles)), {1: chosen, 2: order, 3: tiles}, 1)
    return order, tiles


def sorted_pairs(chosen: Chosen, total: int) -> tuple[Chosen, Tiles]:
    """What expert_sort promises."""
    order = np.argsort(chosen.reshape(-1), kind="stable").astype(np.uint32)
    tiles = np.zeros((chosen.size // TILE + total, 3), dtype=np.uint32)
    used = 0
    ends = np.cumsum(np.bincount(chosen.reshape(-1), minlength=total))
    for expert, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        for first in range(begin, end, TILE):
            tiles[used] = expert, first, min(TILE, end - first)
            used += 1
    return order, tiles


@pytest.mark.parametrize(
    ("count", "total", "top_k"),
    [
        (1, 1, 1),
        (9, 32, 4),
        (33, 5, 2),
        (128, 128, 8),
        (129, 7, 3),
        (1000, 1, 1),
        (1024, 128, 4),
        (2048, 32, 4),
        (2048, 128, 8),
        (2047, 8, 8),
    ],
)
def test_sort(count: int, total: int, top_k: int) -> None:
    chosen = choose(np.random.default_rng(count), count, total, top_k)
    order, tiles = run_sort(chosen, total)
    expected_order, expected_tiles = sorted_pairs(chosen, total)
    np.testing.assert_array_equal(order, expected_order)
    np.testing.assert_array_equal(tiles, expected_tiles)


@pytest.mark.parametrize("expert", [0, 77, 127])
def test_sort_with_one_favourite(expert: int) -> None:
    """All tokens choose the same expert, the others have none."""
    chosen = np.full((2048, 1), expert, dtype=np.uint32)
    order, tiles = run_sort(chosen, 128)
    np.testing.assert_array_equal(order, np.arange(2048))
    np.testing.assert_array_equal(tiles, sorted_pairs(chosen, 128)[1])


def run_gate_up(
    x: Float32, chosen: Chosen, matrix: Experts, *, exact: bool, limit: float = LIMIT
) -> tuple[Float32, Chosen]:
    """In the order of the sorted pairs, which is returned too."""
    rows = matrix.bias.shape[1]
    order, tiles = sorted_pairs(chosen, len(matrix.bias))
    gated = empty(chosen.size, rows // 2)
    buffers = {
        1: x,
        2: order,
        3: tiles,
        4: matrix.blocks,
        5: matrix.scales,
        6: matrix.bias,
        7: gated,
    }
    args = pack(rows, x.shape[1], chosen.shape[1], limit)
    launch("grouped_gate_up", args, buffers, len(tiles), exact=exact)
    return gated, order


def run_down(gated: Float32, chosen: Chosen, matrix: Experts, *, exact: bool) -> Float32:
    rows = matrix.bias.shape[1]
    order, tiles = sorted_pairs(chosen, len(matrix.bias))
    outputs = empty(chosen.size, rows)
    buffers = {
        1: gated,
        2: order,
        3: tiles,
        4: matrix.blocks,
        5: matrix.scales,
        6: matrix.bias,
        7: outputs,
    }
    args = pack(rows, gated.shape[1], chosen.shape[1], 0.0)
    launch("grouped_down", args, buffers, len(tiles), exact=exact)
    return outputs


def products(x: Float64, chosen: Chosen, matrix: Experts) -> Float64:
    """Row p of x [pairs, cols] times its expert's matrix."""
    result = np.empty((len(x), matrix.bias.shape[1]))
    for expert in np.unique(chosen):
        of = chosen.reshape(-1) == expert
        bias = matrix.bias[expert].astype(np.float64)
        result[of] = linear(x[of], matrix.values(int(expert)), bias)
    return result


SHAPES = [  # tokens, experts, top_k, hidden, intermediate
    (40, 2, 1, 2880, 2880),  # 20b
    (33, 5, 2, 64, 64),
    (9, 32, 4, 192, 128),
    (70, 1, 1, 128, 192),
    (20, 128, 8, 64, 64),
    (129, 3, 3, 64, 64),
]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("count", "total", "top_k", "hidden", "width"), SHAPES)
def test_gate_up(count: int, total: int, top_k: int, hidden: int, width: int, exact: bool) -> None:
    rng = np.random.default_rng(hidden + total)
    matrix = experts(rng, total, 2 * width, hidden)
    x, chosen = normal(rng, count, hidden, scale=4), choose(rng, count, total, top_k)
    gated, order = run_gate_up(x, chosen, matrix, exact=exact)
    tokens = np.repeat(x.astype(np.float64), top_k, axis=0)
    expected = swiglu(products(tokens, chosen, matrix), LIMIT)
    assert_close(gated, expected[order], tolerance(exact, hidden))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("count", "total", "top_k", "width", "hidden"), SHAPES)
def test_down(count: int, total: int, top_k: int, hidden: int, width: int, exact: bool) -> None:
    """Rows of the sorted order come in, and go out to their own pairs."""
    rng = np.random.default_rng(width + total)
    matrix = experts(rng, total, hidden, width)
    chosen = choose(rng, count, total, top_k)
    inner = normal(rng, chosen.size, width)
    order, _ = sorted_pairs(chosen, total)
    outputs = run_down(np.ascontiguousarray(inner[order]), chosen, matrix, exact=exact)
    expected = products(inner.astype(np.float64), chosen, matrix)
    assert_close(outputs, expected, tolerance(exact, width))


def test_some_experts_have_no_tokens() -> None:
    rng = np.random.default_rng(5)
    matrix = experts(rng, 9, 128, 64)
    chosen = np.full((65, 1), 4, dtype=np.uint32)
    chosen[7] = 8
    x = normal(rng, 65, 64)
    gated, order = run_gate_up(x, chosen, matrix, exact=True)
    expected = swiglu(products(x.astype(np.float64), chosen, matrix), LIMIT)
    assert_close(gated, expected[order], tolerance(True, 64))


@pytest.mark.parametrize("exact", [False, True])
def test_all_four_steps_together(exact: bool) -> None:
    """Sort, gate_up, down and mix are the reference's mixture of experts."""
    rng = np.random.default_rng(6)
    count, total, top_k, hidden, width = 75, 6, 4, 128, 64
    first, second = experts(rng, total, 2 * width, hidden), experts(rng, total, hidden, width)
    logits = rng.standard_normal((count, total))
    chosen = np.argsort(-logits, axis=1)[:, :top_k].astype(np.uint32)
    shares = np.exp(np.take_along_axis(logits, chosen.astype(np.int64), axis=1))
    shares /= shares.sum(axis=1, keepdims=True)
    x, residual = normal(rng, count, hidden), normal(rng, count, hidden)
    expected = residual + moe(
        x.astype(np.float64),
        logits,
        top_k,
        first.values,
        first.bias.astype(np.float64),
        second.values,
        second.bias.astype(np.float64),
        LIMIT,
    )

    order, tiles = run_sort(chosen, total)
    gated, outputs = empty(chosen.size, width), empty(chosen.size, hidden)
    common = {2: order, 3: tiles}
    buffers = {1: x, **common, 4: first.blocks, 5: first.scales, 6: first.bias, 7: gated}
    args = pack(2 * width, hidden, top_k, LIMIT)
    launch("grouped_gate_up", args, buffers, len(tiles), exact=exact)
    buffers = {1: gated, **common, 4: second.blocks, 5: second.scales, 6: second.bias, 7: outputs}
    launch("grouped_down", pack(hidden, width, top_k, 0.0), buffers, len(tiles), exact=exact)
    buffers = {1: outputs, 2: shares.astype(np.float32), 3: residual}
    launch("mix", pack(count, hidden, top_k), buffers, count)
    assert_close(residual, expected, tolerance(exact, hidden))


def every_code(scale: int) -> tuple[Experts, Float64]:
    """An expert [64, 64]: row r holds the 16 codes in turn, starting with code r."""
    codes = ((np.arange(64)[:, None] + np.arange(64)) % 16).astype(np.uint8)
    blocks = (codes[:, 0::2] | codes[:, 1::2] << 4).astype(np.uint8).reshape(1, 64, 2, 16)
    scales = np.full((1, 64, 2), scale, dtype=np.uint8)
    return Experts(blocks, scales, np.zeros((1, 64), np.float32)), E2M1[codes].astype(np.float64)


def columns(matrix: Experts, factor: float, exact: bool) -> Float32:
    """Row c: the products of column c with `factor`."""
    chosen = np.zeros((64, 1), dtype=np.uint32)
    return run_down(np.eye(64, dtype=np.float32) * np.float32(factor), chosen, matrix, exact=exact)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("scale", [113, 126, 127, 128, 140])
def test_every_code_at_every_place_is_exact(scale: int, exact: bool) -> None:
    """2^-14 … 2^13: all weights are normal halves, or 2^-15."""
    matrix, values = every_code(scale)
    np.testing.assert_array_equal(columns(matrix, 1.0, exact), values.T * 2.0 ** (scale - 127))


@pytest.mark.parametrize("scale", [0, 1, 13, 14, 100, 200, 239, 240, 241, 252, 254])
def test_every_range_of_scales_is_exact(scale: int) -> None:
    """2^-127 … 2^127 in exact mode, with inputs that bring the product to the middle."""
    matrix, values = every_code(scale)
    power = min(max(127 - scale, -126), 120)
    if scale == 254:  # of these weights, only ±0.5 and ±1 have a float
        matrix.blocks[:] = 0x11
        values[:] = 0.5
    expected = values.T * 2.0 ** (scale - 127 + power)
    np.testing.assert_array_equal(columns(matrix, 2.0**power, True), expected)


@pytest.mark.parametrize("scale", [0, 80, 102, 112])
def test_small_scales_round_to_multiples_of_the_least_half(scale: int) -> None:
    matrix, values = every_code(scale)
    expected = np.round(values.T * 2.0 ** (scale - 127) * 2.0**24) / 2.0**24
    np.testing.assert_array_equal(columns(matrix, 1.0, False), expected)


@pytest.mark.parametrize("exact", [False, True])
def test_a_scale_that_is_no_number(exact: bool) -> None:
    matrix, _ = every_code(255)
    assert np.isnan(columns(matrix, 1.0, exact)).all()


def test_scales_too_large_for_half_saturate() -> None:
    matrix, values = every_code(250)
    np.testing.assert_array_equal(columns(matrix, 1.0, False), values.T * 2.0**13)


@pytest.mark.parametrize("exact", [False, True])
def test_swiglu_clamps_and_saturates(exact: bool) -> None:
    """Gates and ups far beyond the limit on both sides; exp overflows where the gate is -200."""
    pairs = np.array([[100, 100], [-200, -100], [7, 7], [-7, 6.5], [0, -1], [90, -90]])
    pairs = np.concatenate([pairs, np.zeros((58, 2))]).astype(np.float32)
    blocks, scales = np.zeros((1, 128, 2, 16), np.uint8), np.full((1, 128, 2), 127, np.uint8)
    matrix = Experts(blocks, scales, pairs.reshape(1, 128))
    chosen = np.zeros((1, 1), dtype=np.uint32)
    gated, _ = run_gate_up(np.ones((1, 64), np.float32), chosen, matrix, exact=exact)
    assert_close(gated[0], swiglu(pairs.reshape(-1).astype(np.float64), LIMIT), 2e-7)
