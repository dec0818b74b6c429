"""matmul, rope and mix of prefill.

Default precision rounds activations and weights to half, each to 2^-11 of its size. Over a sum of
random signs these errors add up like its terms, to less than 2^-11 of the largest result. In exact
mode the only error is that of float32 sums, one term after the other: each of the n additions
rounds to 2^-24 of the sum so far, with random signs, which is less than sqrt(n) * 2^-23 in all.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.formats import Float64
from tests.reference.operations import linear

from .arrays import (
    PAGE,
    Float32,
    Matrix,
    assert_close,
    dense,
    empty,
    launch,
    normal,
    pack,
    page_rows,
    pages,
)

DEFAULT = 2.0**-11
COUNTS = [1, 9, 31, 32, 33, 63, 64, 65, 129]


def tolerance(exact: bool, cols: int) -> float:
    return 2.0**-23 * float(np.sqrt(cols)) if exact else DEFAULT


def run_matmul(
    x: Float32,
    matrix: Matrix,
    bias: Float32 | None,
    y: Float32,
    *,
    accumulate: bool = False,
    exact: bool,
) -> None:
    rows, cols = matrix.weights.shape
    args = pack(len(x), rows, cols, int(bias is not None), int(accumulate))
    buffers = {
        1: x,
        2: matrix.weights,
        3: matrix.scales,
        4: y if bias is None else bias,
        5: y,
    }
    q8 = matrix.weights.dtype == np.int8
    launch("matmul", args, buffers, len(x), dense_q8=q8, exact=exact)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("q8", [False, True])
@pytest.mark.parametrize(
    ("count", "rows", "cols"), [(33, 5120, 2880), (65, 2880, 4096), (9, 192, 64), (70, 130, 192)]
)
def test_matmul(count: int, rows: int, cols: int, q8: bool, exact: bool) -> None:
    """qkv and out of 20b, and small ones."""
    rng = np.random.default_rng(rows + cols)
    matrix, x, bias = dense(rng, rows, cols, q8), normal(rng, count, cols), normal(rng, rows)
    y = empty(count, rows)
    run_matmul(x, matrix, bias, y, exact=exact)
    expected = linear(x.astype(np.float64), matrix.values, bias.astype(np.float64))
    assert_close(y, expected, tolerance(exact, cols))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("count", COUNTS)
def test_matmul_of_any_number_of_tokens(count: int, exact: bool) -> None:
    rng = np.random.default_rng(count)
    matrix, x = dense(rng, 64, 128, True), normal(rng, count, 128)
    y = empty(count, 64)
    run_matmul(x, matrix, None, y, exact=exact)
    assert_close(y, linear(x.astype(np.float64), matrix.values), tolerance(exact, 128))


@pytest.mark.parametrize("q8", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 63, 65, 127, 201])
def test_matmul_of_any_number_of_rows(rows: int, q8: bool) -> None:
    """As a vocabulary may have; nothing beyond the rows is read or written."""
    rng = np.random.default_rng(rows)
    matrix, x, bias = dense(rng, rows, 64, q8), normal(rng, 35, 64), normal(rng, rows)
    y = empty(35, rows)
    run_matmul(x, matrix, bias, y, exact=False)
    expected = linear(x.astype(np.float64), matrix.values, bias.astype(np.float64))
    assert_close(y, expected, DEFAULT)


@pytest.mark.parametrize("exact", [False, True])
def test_matmul_adds_to_the_residual(exact: bool) -> None:
    """The residual stream outgrows half: it stays float."""
    rng = np.random.default_rng(1)
    matrix, x, bias = dense(rng, 64, 192, True), normal(rng, 40, 192), normal(rng, 64)
    y = normal(rng, 40, 64)
    y[:, :4] *= 1e6
    expected = y + linear(x.astype(np.float64), matrix.values, bias.astype(np.float64))
    run_matmul(x, matrix, bias, y, accumulate=True, exact=exact)
    assert_close(y[:, :4], expected[:, :4], 1e-7)
    assert_close(y[:, 4:], expected[:, 4:], tolerance(exact, 192))


@pytest.mark.parametrize("q8", [False, True])
def test_matmul_puts_every_weight_in_its_place(q8: bool) -> None:
    """One-hot tokens pick out columns; small weights are exact in half as well."""
    weights = np.arange(64 * 192).reshape(64, 192) % 251 - 125
    if q8:
        scales = np.full((64, 6), 0.25, dtype=np.float16)
        matrix = Matrix(weights.astype(np.int8), scales, weights / 4)
    else:
        bits = (weights.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        matrix = Matrix(bits, bits, weights.astype(np.float64))
    for exact in (False, True):
        y = empty(192, 64)
        run_matmul(np.eye(192, dtype=np.float32), matrix, None, y, exact=exact)
        np.testing.assert_array_equal(y, matrix.values.T)


def test_matmul_saturates_activations() -> None:
    """Beyond half's range an activation becomes its largest number, not infinity."""
    rng = np.random.default_rng(2)
    matrix = dense(rng, 64, 64, True)
    x = np.zeros((9, 64), dtype=np.float32)
    x[0, 0], x[1, 5] = 1e6, -1e30
    y = empty(9, 64)
    run_matmul(x, matrix, None, y, exact=False)
    assert_close(y, np.clip(x.astype(np.float64), -65504, 65504) @ matrix.values.T, DEFAULT)


def rotated(x: Float64, cosines: Float64, sines: Float64) -> Float64:
    """[count, heads, 64] by [count, 32]."""
    first, second = np.split(x, 2, axis=-1)
    c, s = cosines[:, None], sines[:, None]
    return np.concatenate([first * c - second * s, second * c + first * s], axis=-1)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("count", "heads", "kv_heads", "start", "ring"),
    [(3, 64, 8, 0, 256), (33, 4, 2, 250, 512), (9, 2, 1, 1000, 320), (70, 6, 6, 100000, 64 + 128)],
)
def test_rope(count: int, heads: int, kv_heads: int, start: int, ring: int, exact: bool) -> None:
    """Across page ends and the ring's end; slots that are not the tokens' stay untouched."""
    rng = np.random.default_rng(start)
    qkv = normal(rng, count, (heads + 2 * kv_heads) * 64)
    angles = normal(rng, count, 2, 32)
    cache, query = pages(kv_heads, ring, exact), empty(count, heads * 64)
    args = pack(count, heads, kv_heads, start, ring)
    launch("rope", args, {1: qkv, 2: angles, 3: cache, 4: query}, count, exact=exact)

    rows = qkv.reshape(count, -1, 64).astype(np.float64)
    cosines, sines = angles[:, 0].astype(np.float64), angles[:, 1].astype(np.float64)
    expected = rotated(rows[:, : heads + kv_heads], cosines, sines)
    assert_close(query.reshape(count, heads, 64), expected[:, :heads] / 8, 2e-7)
    slots = (start + np.arange(count)) % ring
    step = 2e-7 if exact else 2.0**-11
    assert_close(page_rows(cache, slots, value=False), expected[:, heads:], step)
    assert_close(page_rows(cache, slots, value=True), rows[:, heads + kv_heads :], step)
    others = np.setdiff1d(np.arange(len(cache) * PAGE), slots)
    assert np.isnan(page_rows(cache, others, value=False)).all()
    assert np.isnan(page_rows(cache, others, value=True)).all()


def test_rope_saturates_keys_and_values() -> None:
    qkv = np.full((1, 3 * 64), 1e6, dtype=np.float32)
    qkv[0, 64:96] = -1e6
    angles = np.zeros((1, 2, 32), dtype=np.float32)
    angles[:, 0] = 1
    cache, query = pages(1, 64, exact=False), empty(1, 64)
    launch("rope", pack(1, 1, 1, 0, 64), {1: qkv, 2: angles, 3: cache, 4: query}, 1)
    expected = np.where(np.arange(64) < 32, -65504, 65504)
    np.testing.assert_array_equal(cache[0][0, 0, 0], expected)
    np.testing.assert_array_equal(cache[0][0, 1, 0], np.full(64, 65504))
    np.testing.assert_array_equal(query, np.full((1, 64), 125000))


@pytest.mark.parametrize(
    ("count", "hidden", "top_k"), [(3, 2880, 4), (33, 64, 1), (9, 320, 8), (1, 256, 2)]
)
def test_mix(count: int, hidden: int, top_k: int) -> None:
    rng = np.random.default_rng(hidden)
    outputs, weights = normal(rng, count * top_k, hidden), normal(rng, count, top_k)
    residual = normal(rng, count, hidden)
    by_token = outputs.reshape(count, top_k, hidden).astype(np.float64)
    expected = residual + np.einsum("tj,tjh->th", weights.astype(np.float64), by_token)
    launch("mix", pack(count, hidden, top_k), {1: outputs, 2: weights, 3: residual}, count)
    assert_close(residual, expected, 3e-7)
