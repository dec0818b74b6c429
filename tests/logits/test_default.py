"""Default precision: closer to the stored weights' float64 logits than transformers in bfloat16.

`pytest -s` shows the numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Error
from tests.kernels.programs import EVERY_SET

from .cases import DENSE_TYPES, SHAPES, Case
from .measures import argmax_agreement, difference, mean_kl

QUICK = ("small", "wide")
"""Shapes whose rows fill no register of AVX-512, and those of many experts and heads."""


def shape_id(shape: object) -> str:
    """The name of a shape, in a test's."""
    return str(getattr(shape, "name", shape)).replace(" ", "-")


@pytest.mark.parametrize("dense", DENSE_TYPES)
def test_at_least_as_close_as_bfloat16(case: Case, dense: str) -> None:
    assert_as_close_as_bfloat16(case, dense, case.ours(dense, "default"))


@pytest.mark.parametrize("isa", EVERY_SET)
@pytest.mark.parametrize("dense", DENSE_TYPES)
@pytest.mark.parametrize(
    "case",
    [pytest.param(shape, marks=() if shape.name in QUICK else pytest.mark.long)
     for shape in SHAPES],
    ids=shape_id,
    indirect=True,
)  # fmt: skip
def test_every_instruction_set_is(case: Case, dense: str, isa: str) -> None:
    try:
        logits = case.ours_with(dense, isa)
    except Error as unsupported:
        pytest.skip(str(unsupported))
    assert_as_close_as_bfloat16(case, dense, logits, isa)


def assert_as_close_as_bfloat16(
    case: Case, dense: str, ours: npt.NDArray[np.float32], name: str = "default"
) -> None:
    """By mean KL divergence from the reference and by agreement on the likeliest token."""
    truth, bfloat16 = case.truth(dense).logits, case.bfloat16(dense)
    kl, bound = mean_kl(truth, ours), mean_kl(truth, bfloat16)
    print(f"\n{case.shape.name:12} {name:10} {dense:4}: mean KL {kl:.1e}, bfloat16 {bound:.1e}")
    print(f"{'':27}{difference(ours, truth)}")
    assert kl <= bound
    assert argmax_agreement(truth, ours) >= argmax_agreement(truth, bfloat16)
