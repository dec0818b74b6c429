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
