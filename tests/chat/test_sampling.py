"""Sampling parameters: what is refused, and that the rest reaches the sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gptoss_metal import Error, Sampling


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": "1"},
        {"temperature": True},
        {"top_p": 0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"top_k": -1},
        {"top_k": 1.5},
        {"seed": 1.5},
        {"presence_penalty": 3},
        {"frequency_penalty": -3},
        {"repetition_penalty": 0},
        {"repetition_penalty": float("inf")},
        {"logprobs": 21},
        {"stop": ("",)},
        {"stop": (1,)},
        {"logit_bias": {"a": 1}},
        {"logit_bias": {1: float("nan")}},
    ],
)
def test_refuses(wrong: dict[str, Any]) -> None:
    name = next(iter(wrong))
    with pytest.raises(Error, match=rf"^\[sampling\] {name} is .*Try: "):
        Sampling(**wrong)


def test_a_stop_string_may_stand_alone() -> None:
    assert Sampling(stop="x").stops == ("x",)
    assert Sampling(stop=["x", "y"]).stops == ("x", "y")


def test_bias_outside_the_vocabulary() -> None:
    with pytest.raises(Error, match="logit_bias"):
        Sampling(logit_bias={10: 1.0}).sampler(10)


def draws(sampling: Sampling, count: int = 200) -> list[int]:
    logits = np.array([0, 1, 2, 3], np.float32)
    sampler = sampling.sampler(4)
    return [sampler.sample(logits) for _ in range(count)]


def test_parameters_reach_the_sampler() -> None:
    assert set(draws(Sampling(seed=1))) == {0, 1, 2, 3}
    assert set(draws(Sampling(temperature=0))) == {3}
    assert set(draws(Sampling(seed=1, top_k=2))) == {2, 3}
    assert set(draws(Sampling(seed=1, top_p=0.7))) == {2, 3}
    assert set(draws(Sampling(seed=1, min_p=0.9))) == {3}
    assert set(draws(Sampling(temperature=0, logit_bias={0: 5.0}))) == {0}


def test_seeds() -> None:
    assert draws(Sampling(seed=-1)) == draws(Sampling(seed=-1))
    assert draws(Sampling(seed=2**70 + 3)) == draws(Sampling(seed=3))
    assert draws(Sampling(seed=1)) != draws(Sampling(seed=2))
    assert draws(Sampling()) != draws(Sampling())


def masked(sampling: Sampling, allowed: list[int], count: int = 200) -> set[int]:
    logits = np.array([3, 2, 1, 0.9] + [-4] * 60, np.float32)
    mask = np.zeros(2, np.uint32)
    for token in allowed:
        mask[token // 32] |= np.uint32(1 << (token % 32))
    sampler = sampling.sampler(64)
    return {sampler.sample(logits, mask) for _ in range(count)}


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(temperature=0), {2}),
        (Sampling(seed=1, temperature=5.0), {2, 3, 40}),
        (Sampling(seed=1, top_p=0.5), {2}),  # 52 % of what is left; 5 % of all
        (Sampling(seed=1, top_p=0.6), {2, 3}),
        (Sampling(seed=1, min_p=0.5), {2, 3}),  # relative to the likeliest that is left
        (Sampling(seed=1, top_k=1), {2}),
        (Sampling(seed=1, temperature=0, logit_bias={40: 9.0, 0: 99.0}), {40}),
    ],
)
def test_parameters_act_on_what_a_mask_leaves(sampling: Sampling, expected: set[int]) -> None:
    """Not on the tokens it forbids, which would take the probability of all others."""
    assert masked(sampling, [2, 3, 40]) == expected


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_one_allowed_token_is_taken(temperature: float) -> None:
    sampling = Sampling(seed=1, temperature=temperature, top_p=0.1, min_p=1.0, top_k=1)
    assert masked(sampling, [50]) == {50}
