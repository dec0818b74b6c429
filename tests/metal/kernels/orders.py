"""A kernel gives the same bits whatever the order of its threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

ORDERS = [("forward", 0), ("reverse", 0), ("seeded", 1), ("seeded", 2)]


def assert_same_bits_in_every_order(
    call: Callable[[np.random.Generator], Sequence[npt.NDArray[Any]]], checked: ModuleType
) -> None:
    """Runs the call in each order on the same random inputs; all it returns is finite and equal."""
    results = []
    for order, seed in ORDERS:
        checked.set_order(order, seed)
        results.append(call(np.random.default_rng(5)))
    for result in results:
        for array, first in zip(result, results[0], strict=True):
            assert np.isfinite(array).all()
            np.testing.assert_array_equal(array, first)
