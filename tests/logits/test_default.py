"""Default precision: closer to the stored weights' float64 logits than transformers in bfloat16.

`pytest -s` shows the numbers.
"""

from __future__ import annotations

import pytest

from .cases import DENSE_TYPES, Case
from .measures import argmax_agreement, difference, mean_kl


@pytest.mark.parametrize("dense", DENSE_TYPES)
def test_at_least_as_close_as_bfloat16(case: Case, dense: str) -> None:
    assert_as_close_as_bfloat16(case, dense)


def assert_as_close_as_bfloat16(case: Case, dense: str) -> None:
    """By mean KL divergence from the reference and by agreement on the likeliest token."""
    truth = case.truth(dense).logits
    ours, bfloat16 = case.ours(dense, "default"), case.bfloat16(dense)
    kl, bound = mean_kl(truth, ours), mean_kl(truth, bfloat16)
    print(f"\n{case.shape.name:12} default {dense:4}: mean KL {kl:.1e}, bfloat16 {bound:.1e}")
    print(f"{'':27}{difference(ours, truth)}")
    assert kl <= bound
    assert argmax_agreement(truth, ours) >= argmax_agreement(truth, bfloat16)
