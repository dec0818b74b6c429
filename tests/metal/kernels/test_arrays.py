"""The kernel tests' own tools: they see what they must see."""

from __future__ import annotations

import numpy as np
import pytest

from .arrays import assert_close, dense, empty, experts, pack, page_rows, pages, store_rows


def test_a_planted_difference_is_seen() -> None:
    expected = np.linspace(-2, 2, 7)
    actual = expected.astype(np.float32)
    assert_close(actual, expected, 1e-7)
    actual[3] += 1e-5
    with pytest.raises(AssertionError, match="off by"):
        assert_close(actual, expected, 1e-6)


def test_what_a_kernel_left_out_is_seen() -> None:
    with pytest.raises(AssertionError, match="3 not finite"):
        assert_close(empty(3), np.zeros(3), 1.0)


def test_arguments_are_packed_as_the_structs_are() -> None:
    assert pack(1, 2.0) == b"\x01\0\0\0\0\0\0\x40"


@pytest.mark.parametrize("q8", [True, False])
def test_random_matrices_keep_vectors_at_their_size(q8: bool) -> None:
    rng = np.random.default_rng(0)
    product = dense(rng, 256, 512, q8).values @ rng.standard_normal(512)
    assert 0.5 < product.std() < 2


def test_random_experts_keep_vectors_at_their_size() -> None:
    rng = np.random.default_rng(0)
    product = experts(rng, 2, 256, 512).values(1) @ rng.standard_normal(512)
    assert 0.5 < product.std() < 2


def test_a_cache_returns_what_was_stored() -> None:
    rng = np.random.default_rng(0)
    cache = pages(2, 300, exact=True)
    slots = np.array([0, 255, 256, 511])
    keys, values = rng.standard_normal((2, 4, 2, 64)).astype(np.float32)
    store_rows(cache, slots, keys, values)
    np.testing.assert_array_equal(page_rows(cache, slots, value=False), keys)
    np.testing.assert_array_equal(page_rows(cache, slots, value=True), values)
    assert len(cache) == 2
