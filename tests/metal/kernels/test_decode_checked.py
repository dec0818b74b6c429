"""Decode kernels under the checks of software Metal, in every order of threads.

Small shapes with odd corners: no finding (races, bounds, uninitialised memory, divergence; the
fixture of tests/metal asserts that), and the same bits whatever runs first.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from tests.reference.formats import bf16_encode

from . import test_decode_attention, test_decode_experts, test_decode_router
from .arrays import HEAD, Array, dense, empty, experts, launch, normal, pack, pages
from .orders import assert_same_bits_in_every_order

EPS = 1e-5


def embed(rng: np.random.Generator) -> list[Array]:
    rows, residual = bf16_encode(normal(rng, 3, 192)), empty(3, 192)
    launch("embed", pack(3, 192), {1: rows, 2: residual}, 3)
    return [residual]


def norm_rows(rng: np.random.Generator) -> list[Array]:
    normed = empty(2, 192)
    buffers = {1: normal(rng, 2, 192), 2: normal(rng, 192), 3: normed}
    launch("norm_rows", pack(2, 192, EPS), buffers, 2)
    return [normed]


def qkv(rng: np.random.Generator, q8: bool, exact: bool) -> list[Array]:
    rows, hidden, tokens = (4 + 2 * 2) * HEAD, 192, 3
    weights, cache = dense(rng, rows, hidden, q8), pages(2, 320, exact, fill=0)
    query = empty(tokens, 4 * HEAD)
    buffers = {
        1: normal(rng, tokens, hidden),
        2: normal(rng, hidden),
        3: weights.weights,
        4: weights.scales,
        5: normal(rng, rows),
        6: normal(rng, tokens, 2, 32),
        7: cache,
        8: query,
    }
    args = pack(hidden, 4, 2, 318, 320, EPS)
    launch("qkv", args, buffers, tokens, dense_q8=q8, exact=exact)
    return [query, *cache]


def attention(rng: np.random.Generator, exact: bool, splits: int) -> list[Array]:
    shape = test_decode_attention.Shape(2, 310, 10, 1, window=129, ring=192)
    return list(test_decode_attention.Case(shape, exact).run(splits)[: 1 if splits == 1 else 2])


def out(rng: np.random.Generator, q8: bool) -> list[Array]:
    weights, residual = dense(rng, 64, 192, q8), normal(rng, 2, 64)
    x, bias = normal(rng, 2, 192), normal(rng, 64)
    buffers = {1: x, 2: weights.weights, 3: weights.scales, 4: bias, 5: residual}
    launch("out", pack(2, 64, 192, 1, 1), buffers, 2, dense_q8=q8)
    return [residual]


def router(rng: np.random.Generator, total: int) -> list[Array]:
    weights, bias = bf16_encode(normal(rng, total, 192)), normal(rng, total)
    return list(
        test_decode_router.run(normal(rng, 2, 192), normal(rng, 192), weights, bias, min(4, total))
    )


def moe(rng: np.random.Generator, top_k: int) -> list[Array]:
    first, second = experts(rng, 8, 256, 192), experts(rng, 8, 192, 128)
    chosen = test_decode_experts.choose(rng, 2, 8, top_k)
    gated = test_decode_experts.run_gate_up(normal(rng, 2, 192), chosen, first)
    residual = normal(rng, 2, 192)
    test_decode_experts.run_down(gated, chosen, normal(rng, 2, top_k), second, residual)
    return [gated, residual]


def unembed(rng: np.random.Generator, q8: bool) -> list[Array]:
    weights, logits = dense(rng, 67, 192, q8), empty(2, 67)
    x, norm = normal(rng, 2, 192), normal(rng, 192)
    buffers = {1: x, 2: norm, 3: weights.weights, 4: weights.scales, 5: logits}
    launch("unembed", pack(2, 192, 67, EPS), buffers, 2, dense_q8=q8)
    return [logits]


CALLS: dict[str, Callable[[np.random.Generator], list[Array]]] = {
    "embed": embed,
    "norm_rows": norm_rows,
    "qkv q8": lambda rng: qkv(rng, True, False),
    "qkv bf16 exact": lambda rng: qkv(rng, False, True),
    "attention": lambda rng: attention(rng, False, 1),
    "attention exact split": lambda rng: attention(rng, True, 3),
    "out q8": lambda rng: out(rng, True),
    "out bf16": lambda rng: out(rng, False),
    "router 1": lambda rng: router(rng, 1),
    "router 33": lambda rng: router(rng, 33),
    "router 128": lambda rng: router(rng, 128),
    "moe 1": lambda rng: moe(rng, 1),
    "moe 8": lambda rng: moe(rng, 8),
    "unembed q8": lambda rng: unembed(rng, True),
    "unembed bf16": lambda rng: unembed(rng, False),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_finding_and_the_same_bits_in_every_order(name: str, checked: ModuleType) -> None:
    assert_same_bits_in_every_order(CALLS[name], checked)
