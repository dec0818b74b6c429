"""Checked mode over whole models, in several orders of threads: nothing found, nothing changed."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from gptoss_metal import Model
from tests.logits.cases import DENSE_TYPES, Case
from tests.logits.measures import difference

ORDERS = [("forward", 0), ("reverse", 0), ("seeded", 1), ("seeded", 2), ("seeded", 3)]
PROMPT = 70
ANSWER = 3


@pytest.fixture(params=ORDERS, ids=lambda order: f"{order[0]}-{order[1]}")
def in_order(checked: ModuleType, request: pytest.FixtureRequest) -> ModuleType:
    """Checked mode in each order of threads."""
    checked.set_order(*request.param)
    return checked


@pytest.mark.parametrize("dense", DENSE_TYPES)
@pytest.mark.parametrize("precision", ["exact", "default"])
def test_a_model_in_every_order(
    small: Case, dense: str, precision: str, in_order: ModuleType
) -> None:
    """Prefill in two chunks, then decode: no findings, and the same bits in every order."""
    path = str(small.file(dense))
    found = run(path, precision, small)
    assert in_order.take_findings() == []
    in_order.set_mode("fast")
    in_order.set_order("forward")
    assert np.array_equal(found, run(path, precision, small))
    expected = Model.load(path, backend="cpu", precision="exact").logits(
        small.tokens[: PROMPT + ANSWER]
    )
    if precision == "exact":
        assert difference(found, expected[PROMPT - 1 :]).largest <= 1e-3


def run(path: str, precision: str, case: Case) -> np.ndarray:
    """Logits [1 + ANSWER, vocab] after the prompt and each further token."""
    session = Model.load(path, backend="metal", precision=precision).session(chunk=40)
    session.sync(case.tokens[:PROMPT].tolist())
    rows = [session.logits().copy()]
    for token in case.tokens[PROMPT : PROMPT + ANSWER]:
        session.step(int(token))
        rows.append(session.logits().copy())
    return np.stack(rows)


def test_planted_barrier_fault_is_found(small: Case, checked: ModuleType) -> None:
    """The proof that a clean run means something: without its first barrier it isn't clean."""
    checked.set_fault("ignore_barrier", 0)
    run(str(small.file("bf16")), "exact", small)
    kinds = {finding["kind"] for finding in checked.take_findings()}
    assert "missing-barrier" in kinds
