"""Attention of decode: attention_decode, alone and in splits with attention_merge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from tests.reference.formats import Float64
from tests.reference.operations import attention

from .arrays import ALL, HEAD, Array, assert_close, empty, launch, normal, pack, pages, store_rows

KEY_SCALE, QUERY_SCALE = 2.0, 0.25
"""Logits of about ±4: some positions dominate, and float32 holds a weight to about 5e-7."""


class Shape(NamedTuple):
    """Queries of positions start … start + tokens - 1 over all positions before and with them."""

    tokens: int
    start: int
    heads: int
    kv_heads: int
    window: int = ALL
    ring: int = 0  # 0: everything fits

    @property
    def total(self) -> int:
        return self.start + self.tokens

    @property
    def slots(self) -> int:
        return self.ring or -(-self.total // 64) * 64


class Case:
    """Random queries, keys, values and sinks, and what comes out of them."""

    def __init__(self, shape: Shape, exact: bool) -> None:
        rng = np.random.default_rng(shape.total * 100 + shape.heads)
        self.shape, self.exact = shape, exact
        kind = np.float32 if exact else np.float16
        # The cache holds only the newest positions; older ones were overwritten.
        self.keys = normal(rng, shape.total, shape.kv_heads, HEAD, scale=KEY_SCALE).astype(kind)
        self.values = normal(rng, shape.total, shape.kv_heads, HEAD).astype(kind)
        self.query = normal(rng, shape.tokens, shape.heads, HEAD, scale=QUERY_SCALE)
        self.sinks = normal(rng, shape.heads)
        self.cache = pages(shape.kv_heads, shape.slots, exact)
        kept = np.arange(max(0, shape.total - shape.slots), shape.total)
        store_rows(self.cache, kept % shape.slots, self.keys[kept], self.values[kept])

    def expected(self) -> Float64:
        """Whole attention in float64; the kernel's query is already times 1/8."""
        window = None if self.shape.window == ALL else self.shape.window
        return attention(
            self.query.astype(np.float64) * 8,
            self.keys.astype(np.float64),
            self.values.astype(np.float64),
            self.sinks.astype(np.float64),
            window,
            first_query=self.shape.start,
        )

    def run(self, splits: int) -> tuple[Array, Array]:
        """The result [count, heads, 64], and the splits' states."""
        count, start, heads, kv_heads, window, _ = self.shape
        args = pack(count, heads, kv_heads, start, self.shape.slots, window, splits)
        attended = empty(count, heads * HEAD)
        partials = empty(count, heads, splits, HEAD + 2)
        buffers = {1: self.query, 2: self.sinks, 3: self.cache, 4: attended, 5: partials}
        launch("attention_decode", args, buffers, count, exact=self.exact)
        if splits > 1:
            assert np.isnan(attended).all()
            launch("attention_merge", args, {1: partials, 2: attended}, count)
        return attended.reshape(count, heads, HEAD), partials


SHAPES = [
    Shape(1, 0, 64, 8),
    Shape(1, 31, 8, 1),
    Shape(1, 32, 8, 1),
    Shape(8, 60, 4, 4),
    Shape(1, 255, 64, 8),
    Shape(3, 255, 6, 2),  # the tokens lie on both sides of a page's end
    Shape(1, 700, 16, 1),  # two tiles of heads
    Shape(2, 600, 40, 2),  # three, the last one with 4 heads
    Shape(5, 123, 2, 2, window=128),
    Shape(1, 126, 64, 8, window=128),
    Shape(1, 127, 64, 8, window=128),
    Shape(1, 128, 64, 8, window=128),
    Shape(8, 1000, 16, 2, window=128, ring=192),  # wraps inside the window
    Shape(4, 5_000, 8, 8, window=128, ring=256),
    Shape(1, 515, 8, 1, window=128, ring=512),
    Shape(3, 70, 4, 2, window=1),
    Shape(2, 300, 8, 4, window=129, ring=320),
    Shape(1, 640, 3, 3, window=600, ring=640),
]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_split(shape: Shape, exact: bool) -> None:
    case = Case(shape, exact)
    attended, _ = case.run(splits=1)
    assert_close(attended, case.expected(), 1e-6)


@pytest.mark.parametrize("splits", [2, 3, 5, 32])
@pytest.mark.parametrize("shape", SHAPES[::3], ids=str)
def test_splits(shape: Shape, splits: int) -> None:
    """Also more splits than there are positions."""
    case = Case(shape, exact=False)
    attended, _ = case.run(splits)
    assert_close(attended, case.expected(), 1e-6)


def test_empty_splits_are_neutral() -> None:
    """One position: every split but the first writes a state that changes nothing."""
    case = Case(Shape(1, 0, 8, 1), exact=False)
    _, partials = case.run(splits=4)
    np.testing.assert_array_equal(partials[0, :, 1:, 0], np.finfo(np.float32).min)
    np.testing.assert_array_equal(partials[0, :, 1:, 1:], 0)
    assert np.isfinite(partials).all()


@pytest.mark.parametrize("splits", [1, 3])
@pytest.mark.parametrize("sink", [-60.0, 0.0, 60.0])
def test_the_sink_may_be_nothing_or_everything(sink: float, splits: int) -> None:
    case = Case(Shape(2, 200, 8, 2), exact=False)
    case.sinks[:] = sink
    attended, _ = case.run(splits)
    # Half a unit of the last place of a logit's distance from 60 is 2e-6.
    assert_close(attended, case.expected(), 1e-6 if sink <= 0 else 4e-6)


@pytest.mark.parametrize("splits", [1, 2])
def test_logits_beyond_what_exp_can_take(splits: int) -> None:
    """Logits of some thousands: the state keeps its highest one, which takes nearly all weight."""
    case = Case(Shape(1, 400, 8, 1), exact=False)
    case.query *= 400
    attended, _ = case.run(splits)
    assert_close(attended, case.expected(), 1e-6)
