"""Cases of the kernels around dense matrices: embed, norm_rows, qkv, rope, out, matmul, unembed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from gptoss_metal.selftest import weights as w
from gptoss_metal.selftest.case import Array, Case, Float64, numbered
from gptoss_metal.selftest.pages import KvCache

EPS: Final = 1e-5
SUMS: Final = 1e-5
"""Bound where everything is float32."""
TILES: Final = 3e-3
"""Bound where prefill tiles are half: activations keep 11 bits."""


def cases(exact: bool) -> Iterator[Case]:
    """Those that read no dense weights."""
    rng = np.random.default_rng(1)
    yield _embed(rng, 1, 64)
    yield _embed(rng, 3, 2880)
    yield _norm(rng, 1, 64)
    yield _norm(rng, 5, 2880)
    yield _rope(rng, exact, heads=8, kv_heads=1, count=35, start=240, ring=512)
    yield _rope(rng, exact, heads=6, kv_heads=2, count=9, start=251, ring=256)


def dense_cases(q8: bool, exact: bool) -> Iterator[Case]:
    """Those that do."""
    rng = np.random.default_rng(2)
    tiles = SUMS if exact else TILES
    yield _qkv(rng, q8, exact, hidden=64, heads=8, kv_heads=1, count=1, start=0)
    yield _qkv(rng, q8, exact, hidden=320, heads=6, kv_heads=2, count=4, start=254)
    yield _qkv(rng, q8, exact, hidden=192, heads=2, kv_heads=2, count=2, start=7, gain=1e6)
    yield _unembed(rng, q8, count=1, hidden=64, vocab=33)
    yield _unembed(rng, q8, count=3, hidden=2880, vocab=101)
    yield _matmul(rng, q8, "out", 1, 64, 128, bias=True, accumulate=True, bound=SUMS)
    yield _matmul(rng, q8, "out", 4, 320, 384, bias=True, accumulate=True, bound=SUMS)
    yield _matmul(rng, q8, "matmul", 9, 64, 64, bias=False, accumulate=False, bound=tiles)
    yield _matmul(rng, q8, "matmul", 33, 192, 320, bias=True, accumulate=True, bound=tiles)
    yield _matmul(rng, q8, "matmul", 40, 101, 64, bias=True, accumulate=False, bound=tiles)


def rms_norm(x: Array, norm: Array) -> Float64:
    """Rows over the root of their mean square, times the norm's weights."""
    values = x.astype(np.float64)
    root = np.sqrt((values * values).mean(axis=-1, keepdims=True) + EPS)
    result: Float64 = values / root * norm.astype(np.float64)
    return result


def rotated(heads: Float64, angles: Array) -> Float64:
    """[tokens, heads, 64] turned by [tokens, 2, 32] cosines and sines; pairs are (i, i + 32)."""
    cosine, sine = (angles[:, None, part].astype(np.float64) for part in (0, 1))
    first, second = heads[..., :32], heads[..., 32:]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)


def _angles(positions: Array) -> Array:
    turns = positions[:, None] * 150000.0 ** (-np.arange(32) / 32)
    return (np.stack([np.cos(turns), np.sin(turns)], axis=1) * 1.25).astype(np.float32)


def _embed(rng: np.random.Generator, count: int, hidden: int) -> Case:
    rows = w.bf16(rng, count, hidden)
    return Case(
        "embed",
        f"{count} x {hidden}",
        struct.pack("<2I", count, hidden),
        numbered(rows, w.empty(count, hidden)),
        count,
        {2: w.bf16_values(rows)},
        0,
    )


def _norm(rng: np.random.Generator, count: int, hidden: int) -> Case:
    x, norm = w.floats(rng, count, hidden, spread=30), w.floats(rng, hidden)
    return Case(
        "norm_rows",
        f"{count} x {hidden}",
        struct.pack("<2If", count, hidden, EPS),
        numbered(x, norm, w.empty(count, hidden)),
        count,
        {3: rms_norm(x, norm)},
        SUMS,
    )


def _split(
    qkv: Float64, angles: Array, heads: int, kv_heads: int
) -> tuple[Float64, Float64, Float64]:
    """Rotated queries (times 1/8), rotated keys, values: [tokens, heads, 64] each."""
    parts = qkv.reshape(len(qkv), heads + 2 * kv_heads, 64)
    queries, keys = parts[:, :heads], parts[:, heads : heads + kv_heads]
    return rotated(queries, angles) / 8, rotated(keys, angles), parts[:, heads + kv_heads :]


def _qkv(
    rng: np.random.Generator,
    q8: bool,
    exact: bool,
    *,
    hidden: int,
    heads: int,
    kv_heads: int,
    count: int,
    start: int,
    gain: float = 1.0,
) -> Case:
    rows, ring = (heads + 2 * kv_heads) * 64, 256
    x, norm = w.floats(rng, count, hidden), w.floats(rng, hidden)
    matrix, bias = w.dense(rng, rows, hidden, q8=q8), w.floats(rng, rows, spread=gain)
    positions = np.arange(start, start + count)
    angles = _angles(positions)
    product = rms_norm(x, norm) @ matrix.values.T + bias
    queries, keys, values = _split(product, angles, heads, kv_heads)
    cache = KvCache(rng, kv_heads, ring, exact)
    pages = cache.copy()
    cache.write(positions, keys, values)
    shape = f"{count} tokens at {start}, {heads}/{kv_heads} heads, {hidden} wide"
    return Case(
        "qkv",
        shape + (", saturated" if gain > 1 else ""),
        struct.pack("<5If", hidden, heads, kv_heads, start, ring, EPS),
        numbered(
            x, norm, matrix.first, matrix.second, bias, angles, pages, w.empty(count, heads * 64)
        ),
        count,
        {7: np.stack(cache.pages), 8: queries.reshape(count, -1)},
        cache.bound,
    )


def _rope(
    rng: np.random.Generator,
    exact: bool,
    *,
    heads: int,
    kv_heads: int,
    count: int,
    start: int,
    ring: int,
) -> Case:
    qkv = w.floats(rng, count, (heads + 2 * kv_heads) * 64)
    positions = np.arange(start, start + count)
    angles = _angles(positions)
    queries, keys, values = _split(qkv.astype(np.float64), angles, heads, kv_heads)
    cache = KvCache(rng, kv_heads, ring, exact)
    pages = cache.copy()
    cache.write(positions, keys, values)
    return Case(
        "rope",
        f"{count} tokens at {start}, ring {ring}, {heads}/{kv_heads} heads",
        struct.pack("<5I", count, heads, kv_heads, start, ring),
        numbered(qkv, angles, pages, w.empty(count, heads * 64)),
        count,
        {3: np.stack(cache.pages), 4: queries.reshape(count, -1)},
        cache.bound,
    )


def _matmul(
    rng: np.random.Generator,
    q8: bool,
    kernel: str,
    count: int,
    rows: int,
    cols: int,
    *,
    bias: bool,
    accumulate: bool,
    bound: float,
) -> Case:
    x, matrix = w.floats(rng, count, cols), w.dense(rng, rows, cols, q8=q8)
    offsets = w.floats(rng, rows)
    before = w.floats(rng, count, rows) if accumulate else w.empty(count, rows)
    expected = x.astype(np.float64) @ matrix.values.T
    expected += offsets if bias else 0
    expected += before if accumulate else 0
    words = [f"{count} tokens, {cols} to {rows}", "bias" * bias, "added" * accumulate]
    return Case(
        kernel,
        ", ".join(word for word in words if word),
        struct.pack("<5I", count, rows, cols, bias, accumulate),
        numbered(x, matrix.first, matrix.second, offsets, before),
        count,
        {5: expected},
        bound,
    )


def _unembed(rng: np.random.Generator, q8: bool, *, count: int, hidden: int, vocab: int) -> Case:
    x, norm = w.floats(rng, count, hidden, spread=9), w.floats(rng, hidden)
    matrix = w.dense(rng, vocab, hidden, q8=q8)
    return Case(
        "unembed",
        f"{count} tokens, {hidden} to {vocab}",
        struct.pack("<3If", count, hidden, vocab, EPS),
        numbered(x, norm, matrix.first, matrix.second, w.empty(count, vocab)),
        count,
        {5: rms_norm(x, norm) @ matrix.values.T},
        SUMS,
    )
