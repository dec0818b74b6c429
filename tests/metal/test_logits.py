"""``backend="metal"`` computes what the CPU backend computes, on software Metal.

`pytest -s` shows the numbers.
"""

from __future__ import annotations

import pytest

from gptoss_metal import Model
from tests.logits.cases import DENSE_TYPES, Case
from tests.logits.measures import argmax_agreement, difference, mean_kl

from .conftest import greedy

TOLERANCE = 1e-3
"""Standard deviations of the logits, in exact precision: the promise."""
PROMPT = 100
ANSWER = 64


def test_exact_logits_are_those_of_the_cpu(case: Case) -> None:
    path = str(case.file("bf16"))
    ours = Model.load(path, backend="metal", precision="exact").logits(case.tokens)
    found = difference(ours, Model.load(path, backend="cpu", precision="exact").logits(case.tokens))
    print(f"\n{case.shape.name:12} exact bf16, metal - cpu: {found}")
    assert found.largest <= TOLERANCE
    assert found.same_argmax


def test_exact_q8_logits_are_those_of_the_cpu(case: Case) -> None:
    path = str(case.file("q8"))
    ours = Model.load(path, backend="metal", precision="exact").logits(case.tokens)
    found = difference(ours, Model.load(path, backend="cpu", precision="exact").logits(case.tokens))
    print(f"\n{case.shape.name:12} exact q8, metal - cpu: {found}")
    assert found.largest <= TOLERANCE


def test_greedy_tokens_are_those_of_the_cpu(case: Case) -> None:
    path = str(case.file("bf16"))
    prompt = case.tokens[:PROMPT]
    metal = greedy(Model.load(path, backend="metal", precision="exact"), prompt, ANSWER)
    assert metal == greedy(Model.load(path, backend="cpu", precision="exact"), prompt, ANSWER)


@pytest.mark.parametrize("dense", DENSE_TYPES)
def test_default_is_at_least_as_close_as_bfloat16(case: Case, dense: str) -> None:
    truth = case.truth(dense).logits
    ours = Model.load(str(case.file(dense)), backend="metal").logits(case.tokens)
    bfloat16 = case.bfloat16(dense)
    kl, bound = mean_kl(truth, ours), mean_kl(truth, bfloat16)
    print(f"\n{case.shape.name:12} default {dense:4}: mean KL {kl:.1e}, bfloat16 {bound:.1e}")
    assert kl <= bound
    assert argmax_agreement(truth, ours) >= argmax_agreement(truth, bfloat16)


@pytest.mark.parametrize("chunk", [1, 7, 64, 300])
def test_chunks_agree(small: Case, chunk: int) -> None:
    path = str(small.file("bf16"))
    expected = Model.load(path, backend="cpu", precision="exact").logits(small.tokens)[-1]
    session = Model.load(path, backend="metal", precision="exact").session(chunk=chunk)
    session.sync(small.tokens.tolist())
    found = difference(session.logits()[None], expected[None])
    assert found.largest <= TOLERANCE
    session.rewind(200)
    session.sync(small.tokens.tolist())
    assert difference(session.logits()[None], expected[None]).largest <= TOLERANCE
