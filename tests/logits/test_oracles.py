"""The float64 reference against transformers and mlx-lm.

transformers runs in float64, apart from the inside of its norms, with angles in float64: it must
agree to a few float32 roundings. mlx-lm runs in float32. The float32 angles that both have of
themselves cost 5e-4 to 8e-4 standard deviations around position 4000. `pytest -s` shows the
numbers.
"""

from __future__ import annotations

import numpy as np

from tests.reference import operations as op
from tests.reference.oracles import read_config

from .cases import Case
from .measures import difference


def test_no_token_is_undecided_between_experts(case: Case) -> None:
    assert case.published.router_margin >= 1e-4
    assert case.quantized.router_margin >= 1e-4


def test_transformers_agrees(case: Case) -> None:
    found = difference(case.published.logits, case.transformers)
    print(f"\n{case.shape.name:12} reference - transformers: {found}")
    assert found.largest <= 2e-5
    assert found.same_argmax


def test_mlx_lm_agrees(case: Case) -> None:
    found = difference(case.published.logits, case.mlx_lm)
    print(f"\n{case.shape.name:12} reference - mlx-lm:       {found}")
    assert found.largest <= 1e-3
    assert found.same_argmax


def test_rotary_frequencies_are_those_of_transformers(case: Case) -> None:
    config = read_config(case.checkpoint)
    theirs = case.float64
    np.testing.assert_allclose(op.rope_frequencies(config), theirs.frequencies, rtol=5e-7)
    np.testing.assert_allclose(op.rope_concentration(config), theirs.concentration, rtol=1e-15)
