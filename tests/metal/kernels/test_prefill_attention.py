"""attention_prefill against float64.

Default precision rounds the softmax weights to half (2^-11 of each) and the queries (2^-11, which
moves a logit of about 1 by less than that); keys and values are what the cache holds.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.formats import Float64
from tests.reference.operations import attention

from .arrays import (
    ALL,
    Array,
    Float32,
    assert_close,
    empty,
    launch,
    normal,
    pack,
    pages,
    store_rows,
)

DEFAULT = 2.0**-10
EXACT = 1e-6


def run(
    query: Float32,
    sinks: Float32,
    cache: list[Array],
    start: int,
    ring: int,
    window: int,
    *,
    exact: bool,
) -> Float32:
    count, heads, _ = query.shape
    attended = empty(count, heads, 64)
    args = pack(count, heads, cache[0].shape[0], start, ring, window, 1)
    buffers = {1: query, 2: sinks, 3: cache, 4: attended}
    launch("attention_prefill", args, buffers, count, exact=exact)
    return attended


def check(
    count: int,
    heads: int,
    kv_heads: int,
    start: int,
    ring: int,
    window: int,
    exact: bool,
    scale: float = 1.0,
) -> None:
    """Random keys and values; what the window has left behind in the ring is NaN."""
    rng = np.random.default_rng(start + count)
    total = start + count
    kind = np.float32 if exact else np.float16
    keys = normal(rng, total, kv_heads, 64, scale=scale).astype(kind)
    values = normal(rng, total, kv_heads, 64).astype(kind)
    cache = pages(kv_heads, ring, exact)
    seen = np.arange(max(0, start - window + 1), total)
    assert len(seen) <= ring
    store_rows(cache, seen % ring, keys[seen], values[seen])
    query, sinks = normal(rng, count, heads, 64, scale=0.125), normal(rng, heads)
    attended = run(query, sinks, cache, start, ring, window, exact=exact)
    expected: Float64 = attention(
        query.astype(np.float64) * 8,
        keys.astype(np.float64),
        values.astype(np.float64),
        sinks.astype(np.float64),
        None if window == ALL else window,
        first_query=start,
    )
    assert_close(attended, expected, EXACT if exact else DEFAULT)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("count", [1, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129])
@pytest.mark.parametrize("window", [128, ALL])
def test_any_number_of_queries(count: int, window: int, exact: bool) -> None:
    check(count, 2, 1, 0, 256, window, exact)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("count", "start", "ring", "window"),
    [
        (40, 300, 512, ALL),  # past a page
        (33, 223, 256, ALL),  # to its end
        (70, 1000, 256, 128),  # around the ring
        (64, 1023, 192, 128),  # whose end is within a page
        (129, 777, 256, 128),
        (100, 500, 128, 1),  # each sees only itself
        (50, 4099, 128, 7),
        (30, 100, 192, 100),
    ],
)
def test_contexts_and_windows(count: int, start: int, ring: int, window: int, exact: bool) -> None:
    check(count, 2, 2, start, ring, window, exact)


@pytest.mark.parametrize(("heads", "kv_heads"), [(64, 8), (8, 8), (3, 1), (16, 1), (6, 2)])
def test_groups_of_heads(heads: int, kv_heads: int) -> None:
    check(10, heads, kv_heads, 20, 64, ALL, exact=False)


@pytest.mark.parametrize("exact", [False, True])
def test_large_logits(exact: bool) -> None:
    """Logits of up to ±100: the softmax is nearly one-hot, and the rounding of queries shows."""
    rng = np.random.default_rng(0)
    keys = normal(rng, 80, 1, 64, scale=30).astype(np.float32 if exact else np.float16)
    values = normal(rng, 80, 1, 64).astype(keys.dtype)
    cache = pages(1, 128, exact)
    store_rows(cache, np.arange(80), keys, values)
    query = normal(rng, 80, 1, 64, scale=0.125)
    if not exact:
        query = query.astype(np.float16).astype(np.float32)
    sinks = np.full(1, 50.0, dtype=np.float32)
    attended = run(query, sinks, cache, 0, 128, ALL, exact=exact)
    expected = attention(
        query.astype(np.float64) * 8,
        keys.astype(np.float64),
        values.astype(np.float64),
        sinks.astype(np.float64),
        None,
    )
    assert_close(attended, expected, 2e-5 if exact else DEFAULT)


@pytest.mark.parametrize("sink", [-80.0, 0.0, 80.0])
def test_sinks_take_their_share(sink: float) -> None:
    """With keys of 0 each of n positions weighs 1, and the sink exp(sink)."""
    cache = pages(1, 64, exact=True)
    ones = np.ones((33, 1, 64), dtype=np.float32)
    store_rows(cache, np.arange(33), 0 * ones, ones)
    query = np.ones((33, 1, 64), dtype=np.float32)
    attended = run(query, np.full(1, sink, np.float32), cache, 0, 64, ALL, exact=True)
    n = np.arange(1, 34)[:, None, None]
    expected = np.broadcast_to(n / (n + np.exp(sink)), attended.shape)
    np.testing.assert_allclose(attended, expected, rtol=2e-6, atol=1e-38)


def test_saturated_keys_and_values() -> None:
    """The largest halves in the cache and the largest queries give no NaN."""
    cache = pages(1, 64, exact=False)
    big = np.full((9, 1, 64), 65504, dtype=np.float16)
    store_rows(cache, np.arange(9), big, big)
    query = np.full((9, 1, 64), 1e6, dtype=np.float32)
    attended = run(query, np.zeros(1, np.float32), cache, 0, 64, ALL, exact=False)
    np.testing.assert_allclose(attended, np.full(attended.shape, 65504), rtol=1e-3)
