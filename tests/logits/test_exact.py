"""``precision="exact"``: the logits of the published weights and of q8, to 1e-3 of their deviation.

`pytest -s` shows the numbers.
"""

from __future__ import annotations

import pytest

from .cases import DENSE_TYPES, Case
from .measures import difference

TOLERANCE = 1e-3
"""The promise."""
KEPT = 1e-4
"""What it is kept with where the oracle's angles are exact: float32 rounding, well below 1e-3."""


def test_logits_are_those_of_transformers(case: Case) -> None:
    found = difference(case.ours("bf16", "exact"), case.transformers)
    print(f"\n{case.shape.name:12} exact bf16 - transformers: {found}")
    assert found.largest <= KEPT
    assert found.same_argmax


def test_logits_are_those_of_mlx_lm(case: Case) -> None:
    found = difference(case.ours("bf16", "exact"), case.mlx_lm)
    print(f"\n{case.shape.name:12} exact bf16 - mlx-lm:       {found}")
    assert found.largest <= TOLERANCE
    assert found.same_argmax


@pytest.mark.parametrize("dense", DENSE_TYPES)
def test_logits_are_those_of_the_stored_weights(case: Case, dense: str) -> None:
    found = difference(case.ours(dense, "exact"), case.truth(dense).logits)
    print(f"\n{case.shape.name:12} exact {dense:4} - reference:    {found}")
    assert found.largest <= KEPT
    assert found.same_argmax
