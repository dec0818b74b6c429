"""Cases of the experts: router, gate_up, down, expert_sort, the grouped matmuls, mix."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from gptoss_metal.selftest import weights as w
from gptoss_metal.selftest.case import Array, Case, Float64, numbered
from gptoss_metal.selftest.dense import EPS, SUMS, TILES, rms_norm

LIMIT: Final = 7.0
TILE: Final = 32
"""GPTOSS_EXPERT_TILE of metal/args.h."""
UNSET: Final = 0xFFFFFFFF


def cases(exact: bool) -> Iterator[Case]:
    """All cases of the experts."""
    rng = np.random.default_rng(4)
    bound = SUMS if exact else TILES
    yield _router(rng, count=1, hidden=64, experts=4, top_k=1)
    yield _router(rng, count=5, hidden=2880, experts=32, top_k=4)
    yield _router(rng, count=3, hidden=192, experts=128, top_k=8)
    yield _router(rng, count=2, hidden=64, experts=9, top_k=4, tied=True)
    yield _gate_up(rng, count=1, hidden=64, width=64, experts=3, top_k=2)
    yield _gate_up(rng, count=3, hidden=2880, width=64, experts=4, top_k=4)
    yield _down(rng, count=1, hidden=64, width=64, experts=3, top_k=2)
    yield _down(rng, count=3, hidden=64, width=2880, experts=5, top_k=4)
    yield _down(rng, count=1, hidden=64, width=320, experts=2, top_k=1, tiny=True)
    for chosen, experts in _choices(rng):
        yield _sort(chosen, experts)
    for chosen, experts in _choices(rng):
        yield _grouped_gate_up(rng, chosen, experts, hidden=192, width=128, bound=bound)
        yield _grouped_down(rng, chosen, experts, hidden=128, width=320, bound=bound)
    yield _mix(rng, count=9, hidden=64, top_k=1)
    yield _mix(rng, count=3, hidden=2880, top_k=4)


Chosen = npt.NDArray[np.uint32]


def _choices(rng: np.random.Generator) -> list[tuple[Chosen, int]]:
    """Chosen experts [tokens, top_k] and their number: spread, all the same, a few of many."""
    spread = np.argsort(rng.random((37, 7)), axis=1)[:, :3]
    same = np.full((65, 1), 2)
    few = np.argsort(rng.random((9, 5)), axis=1)[:, :4] + 90
    return [(chosen.astype(np.uint32), n) for chosen, n in ((spread, 7), (same, 4), (few, 128))]


def swiglu(rows: Float64) -> Float64:
    """[..., 2 n], gate at even and up at odd places -> [..., n]."""
    gate = np.minimum(rows[..., 0::2], LIMIT)
    up = np.clip(rows[..., 1::2], -LIMIT, LIMIT)
    with np.errstate(over="ignore"):  # the quotient is then rightly 0
        result: Float64 = gate / (1 + np.exp(-1.702 * gate)) * (up + 1)
    return result


def _softmax(logits: Float64) -> Float64:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Float64 = weights / weights.sum(axis=-1, keepdims=True)
    return result


def sorted_tiles(chosen: Chosen, experts: int) -> tuple[Chosen, Chosen]:
    """Pairs in the order of their experts, and the tiles [tiles, 3] of expert, first, rows."""
    flat = chosen.reshape(-1)
    order = np.argsort(flat, kind="stable").astype(np.uint32)
    tiles = np.zeros((flat.size // TILE + experts, 3), np.uint32)
    at, first = 0, 0
    for expert, pairs in enumerate(np.bincount(flat, minlength=experts).tolist()):
        for done in range(0, pairs, TILE):
            tiles[at] = expert, first + done, min(TILE, pairs - done)
            at += 1
        first += pairs
    return order, tiles


def _used(tiles: Array) -> Array:
    """Tiles by their first row; of unused ones only the 0 rows count."""
    kept = np.where(tiles[:, 2:] == 0, 0, tiles)
    ranks = np.where(tiles[:, 2] == 0, UNSET, tiles[:, 1])
    return np.asarray(kept[np.argsort(ranks, kind="stable")])


def _router(
    rng: np.random.Generator,
    *,
    count: int,
    hidden: int,
    experts: int,
    top_k: int,
    tied: bool = False,
) -> Case:
    x, norm = w.floats(rng, count, hidden, spread=9), w.floats(rng, hidden)
    matrix, bias = w.bf16(rng, experts, hidden, spread=hidden**-0.5), w.floats(rng, experts)
    if tied:  # all experts alike: the lower ones win
        matrix[:], bias[:] = matrix[0], bias[0]
    normed = rms_norm(x, norm)
    logits = normed @ w.bf16_values(matrix).T + bias
    if tied:
        logits[:] = logits[:, :1]
    chosen = np.argsort(-logits, axis=1, kind="stable")[:, :top_k]
    weights = _softmax(np.take_along_axis(logits, chosen, axis=1))
    unset = np.full((count, top_k), UNSET, np.uint32)
    return Case(
        "router",
        f"{count} tokens, {top_k} of {experts} experts" + (", tied" if tied else ""),
        struct.pack("<3If", hidden, experts, top_k, EPS),
        numbered(x, norm, matrix, bias, w.empty(count, hidden), unset, w.empty(count, top_k)),
        count,
        {5: normed, 6: chosen, 7: weights},
        SUMS,
    )


def _gate_up(
    rng: np.random.Generator, *, count: int, hidden: int, width: int, experts: int, top_k: int
) -> Case:
    x, matrix = w.floats(rng, count, hidden), w.mxfp4(rng, experts, 2 * width, hidden)
    bias = w.floats(rng, experts, 2 * width)
    chosen = np.argsort(rng.random((count, experts)), axis=1)[:, :top_k].astype(np.uint32)
    rows = np.einsum("tkrc,tc->tkr", matrix.values[chosen], x.astype(np.float64)) + bias[chosen]
    return Case(
        "gate_up",
        f"{count} tokens, {top_k} of {experts} experts, {hidden} to {width}",
        struct.pack("<3If", 2 * width, hidden, top_k, LIMIT),
        numbered(x, chosen, matrix.blocks, matrix.scales, bias, w.empty(count, top_k, width)),
        count,
        {6: swiglu(rows)},
        SUMS,
    )


def _down(
    rng: np.random.Generator,
    *,
    count: int,
    hidden: int,
    width: int,
    experts: int,
    top_k: int,
    tiny: bool = False,
) -> Case:
    gated, matrix = w.floats(rng, count, top_k, width), w.mxfp4(rng, experts, hidden, width)
    bias, residual = w.floats(rng, experts, hidden), w.floats(rng, count, hidden)
    if tiny:  # scales of 2^-127, which float32 holds only as a subnormal
        zeros = np.zeros_like(matrix.scales)
        matrix = w.Mxfp4(matrix.blocks, zeros, w.mxfp4_values(matrix.blocks, zeros))
        gated *= np.float32(2.0**110)
        bias[:], residual[:] = 0, 0
    chosen = np.argsort(rng.random((count, experts)), axis=1)[:, :top_k].astype(np.uint32)
    weights = _softmax(rng.standard_normal((count, top_k))).astype(np.float32)
    rows = np.einsum("tkrc,tkc->tkr", matrix.values[chosen], gated.astype(np.float64))
    expected = residual + np.einsum("tk,tkr->tr", weights, rows + bias[chosen])
    return Case(
        "down",
        f"{count} tokens, {top_k} of {experts} experts, {width} to {hidden}"
        + (", smallest scales" if tiny else ""),
        struct.pack("<3If", hidden, width, top_k, LIMIT),
        numbered(gated, chosen, weights, matrix.blocks, matrix.scales, bias, residual),
        count,
        {7: expected},
        SUMS,
    )


def _sort(chosen: Chosen, experts: int) -> Case:
    order, tiles = sorted_tiles(chosen, experts)
    return Case(
        "expert_sort",
        f"{chosen.size} pairs, {experts} experts",
        struct.pack("<3I", chosen.size, experts, len(tiles)),
        numbered(chosen, np.full_like(order, UNSET), np.full_like(tiles, UNSET)),
        len(chosen),
        {2: order, 3: tiles},
        0,
        {3: _used},
    )


def _grouped_gate_up(
    rng: np.random.Generator, chosen: Chosen, experts: int, *, hidden: int, width: int, bound: float
) -> Case:
    order, tiles = sorted_tiles(chosen, experts)
    tokens, top_k = chosen.shape
    x, matrix = w.floats(rng, tokens, hidden), w.mxfp4(rng, experts, 2 * width, hidden)
    bias = w.floats(rng, experts, 2 * width)
    expert, token = chosen.reshape(-1)[order], order // top_k
    rows = np.einsum("prc,pc->pr", matrix.values[expert], x[token].astype(np.float64))
    return Case(
        "grouped_gate_up",
        f"{chosen.size} pairs, {experts} experts, {hidden} to {width}",
        struct.pack("<3If", 2 * width, hidden, top_k, LIMIT),
        numbered(x, order, tiles, matrix.blocks, matrix.scales, bias, w.empty(chosen.size, width)),
        len(tiles),
        {7: swiglu(rows + bias[expert])},
        bound,
    )


def _grouped_down(
    rng: np.random.Generator, chosen: Chosen, experts: int, *, hidden: int, width: int, bound: float
) -> Case:
    order, tiles = sorted_tiles(chosen, experts)
    gated, matrix = w.floats(rng, chosen.size, width), w.mxfp4(rng, experts, hidden, width)
    bias = w.floats(rng, experts, hidden)
    expert = chosen.reshape(-1)[order]
    expected = np.empty((chosen.size, hidden))
    rows = np.einsum("prc,pc->pr", matrix.values[expert], gated.astype(np.float64))
    expected[order] = rows + bias[expert]
    return Case(
        "grouped_down",
        f"{chosen.size} pairs, {experts} experts, {width} to {hidden}",
        struct.pack("<3If", hidden, width, chosen.shape[1], LIMIT),
        numbered(
            gated, order, tiles, matrix.blocks, matrix.scales, bias, w.empty(chosen.size, hidden)
        ),
        len(tiles),
        {7: expected},
        bound,
    )


def _mix(rng: np.random.Generator, *, count: int, hidden: int, top_k: int) -> Case:
    outputs, residual = w.floats(rng, count, top_k, hidden), w.floats(rng, count, hidden)
    weights = w.floats(rng, count, top_k)
    mixed = np.einsum("tk,tkh->th", weights.astype(np.float64), outputs)
    return Case(
        "mix",
        f"{count} tokens, {top_k} experts, {hidden} wide",
        struct.pack("<3I", count, hidden, top_k),
        numbered(outputs, weights, residual),
        count,
        {3: residual + mixed},
        SUMS,
    )
