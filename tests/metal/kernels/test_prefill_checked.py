"""Prefill kernels under the checks of software Metal, in every order of threads.

Small shapes with odd corners: no finding (races, bounds, uninitialised memory, divergence; the
fixture of tests/metal asserts that), and the same bits whatever runs first.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from . import test_prefill_attention, test_prefill_dense, test_prefill_experts
from .arrays import Array, dense, empty, experts, launch, normal, pack, pages, store_rows
from .orders import assert_same_bits_in_every_order


def matmul(rng: np.random.Generator, q8: bool, exact: bool) -> list[Array]:
    matrix, y = dense(rng, 67, 128, q8), normal(rng, 35, 67)
    x, bias = normal(rng, 35, 128), normal(rng, 67)
    test_prefill_dense.run_matmul(x, matrix, bias, y, accumulate=True, exact=exact)
    return [y]


def rope(rng: np.random.Generator, exact: bool) -> list[Array]:
    cache, query = pages(1, 320, exact, fill=0), empty(9, 3 * 64)
    qkv, angles = normal(rng, 9, 5 * 64), normal(rng, 9, 2, 32)
    buffers = {1: qkv, 2: angles, 3: cache, 4: query}
    launch("rope", pack(9, 3, 1, 315, 320), buffers, 9, exact=exact)
    return [query, *cache]


def attention(rng: np.random.Generator, exact: bool) -> list[Array]:
    """33 queries behind 310 positions, 129 of them seen, in a ring of 192; the rest is NaN."""
    cache = pages(1, 192, exact)
    slots = np.arange(310 - 128, 343) % 192
    store_rows(cache, slots, normal(rng, 161, 1, 64), normal(rng, 161, 1, 64))
    query, sinks = normal(rng, 33, 3, 64), normal(rng, 3)
    return [test_prefill_attention.run(query, sinks, cache, 310, 192, 129, exact=exact)]


def sort(rng: np.random.Generator, count: int, total: int, top_k: int) -> list[Array]:
    chosen = test_prefill_experts.choose(rng, count, total, top_k)
    return list(test_prefill_experts.run_sort(chosen, total))


def moe(rng: np.random.Generator, exact: bool) -> list[Array]:
    first, second = experts(rng, 3, 128, 192), experts(rng, 3, 192, 64)
    chosen = test_prefill_experts.choose(rng, 35, 3, 2)
    x = normal(rng, 35, 192)
    gated, _ = test_prefill_experts.run_gate_up(x, chosen, first, exact=exact)
    outputs = test_prefill_experts.run_down(gated, chosen, second, exact=exact)
    args, weights = pack(35, 192, 2), normal(rng, 35, 2)
    launch("mix", args, {1: outputs, 2: weights, 3: x}, 35)
    return [gated, outputs, x]


CALLS: dict[str, Callable[[np.random.Generator], list[Array]]] = {
    "matmul q8": lambda rng: matmul(rng, True, False),
    "matmul bf16": lambda rng: matmul(rng, False, False),
    "matmul q8 exact": lambda rng: matmul(rng, True, True),
    "matmul bf16 exact": lambda rng: matmul(rng, False, True),
    "rope": lambda rng: rope(rng, False),
    "rope exact": lambda rng: rope(rng, True),
    "attention": lambda rng: attention(rng, False),
    "attention exact": lambda rng: attention(rng, True),
    "sort": lambda rng: sort(rng, 700, 32, 4),
    "sort 1": lambda rng: sort(rng, 9, 1, 1),
    "sort 128": lambda rng: sort(rng, 33, 128, 8),
    "moe": lambda rng: moe(rng, False),
    "moe exact": lambda rng: moe(rng, True),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_finding_and_the_same_bits_in_every_order(name: str, checked: ModuleType) -> None:
    assert_same_bits_in_every_order(CALLS[name], checked)
