"""Sampling parameters: what is refused, and that the rest reaches the sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
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


def bits(allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """A mask of those tokens."""
    padded = np.zeros((len(allowed) + 31) // 32 * 32, np.uint8)
    padded[: len(allowed)] = allowed
    return np.packbits(padded, bitorder="little").view(np.uint32)


@pytest.mark.parametrize("vocab", [1, 31, 32, 33, 2047, 2049, 10_000])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99, 1.0])
def test_greedy_is_the_first_of_the_largest(vocab: int, share: float) -> None:
    rng = np.random.default_rng(vocab)
    for spread in (0.0, 1.0, 100.0):
        logits = np.round(rng.standard_normal(vocab) * spread).astype(np.float32) - 3
        allowed = rng.random(vocab) < share
        allowed[rng.integers(vocab)] = True
        among = np.where(allowed, logits, -np.inf)
        sampler = Sampling(temperature=0).sampler(vocab)
        assert sampler.sample(logits, bits(allowed)) == int(np.argmax(among))
        assert sampler.sample(logits) == int(np.argmax(logits))


def test_greedy_takes_zeros_of_both_signs_for_the_same() -> None:
    sampler = Sampling(temperature=0).sampler(4)
    assert sampler.sample(np.array([-1, -0.0, 0.0, -0.0], np.float32)) == 1
    assert sampler.sample(np.array([-1, 0.0, -0.0, 0.0], np.float32)) == 1
    assert sampler.sample(np.full(4, -np.inf, np.float32)) == 0


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_nan_is_an_error_where_it_is_allowed(temperature: float, sign: float) -> None:
    logits = np.zeros(100, np.float32)
    logits[70] = np.copysign(np.float32(np.nan), np.float32(sign))
    sampler = Sampling(seed=1, temperature=temperature).sampler(100)
    with pytest.raises(Error, match="NaN"):
        sampler.sample(logits)
    others = np.arange(100) != 70
    assert sampler.sample(logits, bits(others)) != 70
    with pytest.raises(Error, match="NaN"):
        sampler.sample(logits, bits(~others))
    with pytest.raises(Error, match="allows no token"):
        sampler.sample(logits, bits(np.zeros(100, np.bool_)))


@pytest.mark.parametrize("top_p", [0.01, 0.3, 0.9, 0.9999])
@pytest.mark.parametrize("spread", [0.0, 0.5, 4.0])
def test_the_nucleus_is_the_smallest_set_of_that_probability(top_p: float, spread: float) -> None:
    logits = (np.random.default_rng(3).standard_normal(300) * spread).astype(np.float32)
    weights = np.exp(logits - logits.max())
    order = np.lexsort((np.arange(300), -weights))
    sums = np.cumsum(weights[order].astype(np.float64))
    wanted = float(np.float32(top_p)) * sums[-1]
    nucleus = set(order[: int(np.searchsorted(sums, wanted)) + 1].tolist())
    sampler = Sampling(seed=1, top_p=top_p).sampler(300)
    drawn = {sampler.sample(logits) for _ in range(20_000)}
    assert drawn <= nucleus
    likely = {int(t) for t in nucleus if weights[t] > 1e-3 * weights[list(nucleus)].sum()}
    assert likely <= drawn


def test_infinite_logits_share_the_choice() -> None:
    logits = np.array([0, np.inf, 5, np.inf], np.float32)
    for top_p in (0.9, 1.0):
        sampler = Sampling(seed=1, top_p=top_p).sampler(4)
        assert {sampler.sample(logits) for _ in range(50)} == {1, 3}
    nothing = np.full(4, -np.inf, np.float32)
    assert Sampling(seed=1, top_p=0.9).sampler(4).sample(nothing) in range(4)
