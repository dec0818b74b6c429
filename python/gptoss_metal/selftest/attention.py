"""Cases of attention: attention_decode, attention_merge, attention_prefill."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from gptoss_metal.selftest import weights as w
from gptoss_metal.selftest.case import Array, Case, Float64, numbered
from gptoss_metal.selftest.dense import SUMS, TILES
from gptoss_metal.selftest.pages import KvCache

FULL: Final = 0xFFFFFFFF
"""As a window: all positions."""


def cases(exact: bool) -> Iterator[Case]:
    """All cases of attention."""
    rng = np.random.default_rng(3)
    tiles = SUMS if exact else TILES
    shapes: list[dict[str, int]] = [
        {"heads": 8, "kv_heads": 1, "count": 1, "start": 0, "ring": 256, "window": FULL},
        {"heads": 6, "kv_heads": 2, "count": 3, "start": 300, "ring": 256, "window": 17},
        {"heads": 4, "kv_heads": 4, "count": 1, "start": 511, "ring": 256, "window": 128},
        {"heads": 16, "kv_heads": 1, "count": 2, "start": 300, "ring": 512, "window": FULL},
    ]
    for shape in shapes:
        yield _attention(rng, "attention_decode", exact, SUMS, **shape)
    for splits in (2, 5):
        yield _split(rng, exact, splits, heads=8, kv_heads=2, count=2, start=700, ring=768)
    yield _merge(rng, count=1, heads=8, splits=2)
    yield _merge(rng, count=3, heads=5, splits=32)
    shapes = [
        {"heads": 8, "kv_heads": 2, "count": 9, "start": 0, "ring": 256, "window": FULL},
        {"heads": 4, "kv_heads": 4, "count": 40, "start": 250, "ring": 512, "window": 33},
        {"heads": 8, "kv_heads": 1, "count": 33, "start": 500, "ring": 768, "window": FULL},
        {"heads": 6, "kv_heads": 2, "count": 129, "start": 400, "ring": 256, "window": 128},
    ]
    for shape in shapes:
        yield _attention(rng, "attention_prefill", exact, tiles, **shape)


def attention(query: Float64, sinks: Array, cache: KvCache, start: int, window: int) -> Float64:
    """Queries [count, heads, 64], already times 1/8, over the cache; the same shape.

    Token t sees the positions max(0, start + t - window + 1) to start + t. A head's sink is one
    more logit of its softmax, without a value.
    """
    result = np.empty_like(query)
    for token, row in enumerate(query):
        last = start + token
        keys, values = cache.read(np.arange(max(0, last - window + 1), last + 1))
        grouped = row.reshape(keys.shape[1], -1, 64)
        logits = np.einsum("kgd,pkd->kgp", grouped, keys).reshape(len(row), -1)
        most = np.maximum(logits.max(axis=1), sinks)[:, None]
        weights = np.exp(logits - most)
        weights /= weights.sum(axis=1, keepdims=True) + np.exp(sinks[:, None] - most)
        weights = weights.reshape(*grouped.shape[:2], -1)
        result[token] = np.einsum("kgp,pkd->kgd", weights, values).reshape(len(row), 64)
    return result


def merged(partials: Array) -> Array:
    """[count, heads, splits, 66] of maximum, sum and output -> [count, heads * 64]."""
    parts = partials.astype(np.float64)
    most = parts[..., 0].max(axis=2, keepdims=True)
    scale = np.exp(parts[..., 0] - most)
    outputs = (parts[..., 2:] * scale[..., None]).sum(axis=2)
    sums = (parts[..., 1] * scale).sum(axis=2)
    result: Array = (outputs / sums[..., None]).reshape(len(parts), -1)
    return result


def _inputs(
    rng: np.random.Generator, exact: bool, heads: int, kv_heads: int, count: int, ring: int
) -> tuple[Array, Array, KvCache]:
    query = w.floats(rng, count, heads, 64, spread=0.05)  # logits of a few units
    return query, w.floats(rng, heads), KvCache(rng, kv_heads, ring, exact)


def _attention(
    rng: np.random.Generator,
    kernel: str,
    exact: bool,
    bound: float,
    *,
    heads: int,
    kv_heads: int,
    count: int,
    start: int,
    ring: int,
    window: int,
) -> Case:
    query, sinks, cache = _inputs(rng, exact, heads, kv_heads, count, ring)
    expected = attention(query.astype(np.float64), sinks, cache, start, window).reshape(count, -1)
    buffers = numbered(query.reshape(count, -1), sinks, cache.pages, w.empty(count, heads * 64))
    if kernel == "attention_decode":
        buffers[5] = w.empty(count, heads, 1, 66)
    seen = "all" if window == FULL else f"window {window}"
    return Case(
        kernel,
        f"{count} tokens at {start}, {seen}, {heads}/{kv_heads} heads",
        struct.pack("<7I", count, heads, kv_heads, start, ring, window, 1),
        buffers,
        count,
        {4: expected},
        bound,
    )


def _split(
    rng: np.random.Generator,
    exact: bool,
    splits: int,
    *,
    heads: int,
    kv_heads: int,
    count: int,
    start: int,
    ring: int,
) -> Case:
    query, sinks, cache = _inputs(rng, exact, heads, kv_heads, count, ring)
    expected = attention(query.astype(np.float64), sinks, cache, start, FULL)
    return Case(
        "attention_decode",
        f"{count} tokens at {start} in {splits} splits",
        struct.pack("<7I", count, heads, kv_heads, start, ring, FULL, splits),
        numbered(
            query.reshape(count, -1),
            sinks,
            cache.pages,
            w.empty(count, heads * 64),
            w.empty(count, heads, splits, 66),
        ),
        count,
        {5: expected.reshape(count, -1)},
        SUMS,
        {5: merged},
    )


def _merge(rng: np.random.Generator, *, count: int, heads: int, splits: int) -> Case:
    partials = w.floats(rng, count, heads, splits, 66, spread=3)
    partials[..., 1] = rng.uniform(1, 200, (count, heads, splits))
    return Case(
        "attention_merge",
        f"{count} tokens, {heads} heads, {splits} splits",
        struct.pack("<7I", count, heads, 1, 0, 256, FULL, splits),
        numbered(partials, w.empty(count, heads * 64)),
        count,
        {2: merged(partials)},
        SUMS,
    )
