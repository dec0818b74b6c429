"""The kernel qkv: norm, projections, RoPE and what it puts into the KV cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from tests.reference.formats import Float64
from tests.reference.operations import linear, rms_norm

from .arrays import (
    HEAD,
    Float32,
    assert_close,
    dense,
    empty,
    launch,
    normal,
    pack,
    page_rows,
    pages,
)

EPS = 1e-5


def rotated(x: Float64, angles: Float32) -> Float64:
    """RoPE of [tokens, heads, 64] by angles [tokens, 2, 32]."""
    cosine, sine = angles[:, None, 0].astype(np.float64), angles[:, None, 1].astype(np.float64)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


class Shape(NamedTuple):
    """One call of the kernel."""

    tokens: int
    hidden: int
    heads: int
    kv_heads: int
    start: int
    ring: int


SHAPES = [
    Shape(1, 2880, 64, 8, 1000, 2048),
    Shape(3, 2880, 8, 2, 254, 512),  # crosses a page
    Shape(8, 64, 2, 1, 188, 192),  # wraps around the ring
    Shape(5, 192, 3, 3, 0, 64),
    Shape(1, 64, 16, 1, 70_000, 256),
]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("q8", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_qkv(shape: Shape, q8: bool, exact: bool) -> None:
    count, hidden, heads, kv_heads, start, ring = shape
    rng = np.random.default_rng(hidden + heads)
    rows = (heads + 2 * kv_heads) * HEAD
    weights = dense(rng, rows, hidden, q8)
    residual, norm, bias = normal(rng, count, hidden), normal(rng, hidden), normal(rng, rows)
    angles = normal(rng, count, 2, 32)
    cache = pages(kv_heads, ring, exact)
    query = empty(count, heads * HEAD)
    buffers = {
        1: residual,
        2: norm,
        3: weights.weights,
        4: weights.scales,
        5: bias,
        6: angles,
        7: cache,
        8: query,
    }
    args = pack(hidden, heads, kv_heads, start, ring, EPS)
    launch("qkv", args, buffers, count, dense_q8=q8, exact=exact)

    normed = rms_norm(residual.astype(np.float64), norm.astype(np.float64), EPS)
    product = linear(normed, weights.values, bias.astype(float)).reshape(count, -1, HEAD)
    queries, keys, values = np.split(product, [heads, heads + kv_heads], axis=1)
    assert_close(query.reshape(queries.shape), rotated(queries, angles) / 8, 1e-6)
    slots = (start + np.arange(count)) % ring
    tolerance = 1e-6 if exact else 2**-11  # half a unit of half's last place
    assert_close(page_rows(cache, slots, value=False), rotated(keys, angles), tolerance)
    assert_close(page_rows(cache, slots, value=True), values, tolerance)
    written = sum(np.count_nonzero(~np.isnan(page)) for page in cache)
    assert written == count * kv_heads * 2 * HEAD


@pytest.mark.parametrize("exact", [False, True])
def test_keys_and_values_beyond_half_saturate(exact: bool) -> None:
    """Only the bias speaks: keys and values of ±1e6, and of the largest half."""
    hidden, large = 64, 65504.0
    weights = np.zeros((3 * HEAD, hidden), dtype=np.int8)
    scales = np.ones((3 * HEAD, hidden // 32), dtype=np.float16)
    bias = np.tile(np.array([1e6, -1e6, large, -large], dtype=np.float32), 3 * HEAD // 4)
    angles = np.zeros((1, 2, 32), dtype=np.float32)
    angles[:, 0] = 1
    cache, query = pages(1, 64, exact), empty(1, HEAD)
    ones = np.ones(hidden, dtype=np.float32)
    buffers = {
        1: ones[None],
        2: ones,
        3: weights,
        4: scales,
        5: bias,
        6: angles,
        7: cache,
        8: query,
    }
    launch("qkv", pack(hidden, 1, 1, 9, 64, EPS), buffers, 1, exact=exact)
    kept = bias[:HEAD] if exact else np.clip(bias[:HEAD], -large, large)
    np.testing.assert_array_equal(cache[0][0, 0, 9], kept)
    np.testing.assert_array_equal(cache[0][0, 1, 9], kept)
    np.testing.assert_array_equal(query[0], bias[:HEAD] / 8)
