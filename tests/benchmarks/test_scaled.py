"""Workers that run two layers: how their times are scaled, and that they are the same model."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from benchmarks.peers.mlx_worker import Mlx
from benchmarks.peers.scaled import LAYERS, Part, Scaled, whole
from benchmarks.peers.transformers_worker import Transformers
from gptoss_metal import _core

TOKENS = [3, 141, 59, 265, 358, 97, 93, 238]


def test_layers_are_multiplied_and_the_head_is_not() -> None:
    assert whole(head=1.0, part=1.0 + LAYERS * 0.5, layers=24) == pytest.approx(1 + 24 * 0.5)
    assert whole(1.0, 1.0 + LAYERS * 0.5, 24, factor=16) == pytest.approx(1 + 24 * 0.5 * 16)
    assert whole(1.0, 3.0, LAYERS) == pytest.approx(3.0)


class Counter(Part):
    """Notes what it was asked to compute."""

    vocabulary = 7
    longest = 8

    def __init__(self) -> None:
        self.fed: list[tuple[int, int]] = []
        self._layers = -1

    def start(self, layers: int) -> None:
        self._layers = layers

    def feed(self, tokens: list[int]) -> None:
        assert all(0 <= token < self.vocabulary for token in tokens)
        self.fed.append((self._layers, len(tokens)))


def test_long_prompts_are_timed_in_part() -> None:
    part = Counter()
    Scaled(part, 24).prefill(128)
    assert part.fed == [(0, 8), (0, 8), (LAYERS, 8), (LAYERS, 8)]


def test_decoding_has_a_warm_up() -> None:
    part = Counter()
    Scaled(part, 24).decode(3)
    assert part.fed == [(0, 1)] * 4 + [(LAYERS, 1)] * 4


def test_mlx_computes_our_model(model: Path) -> None:
    weights, metadata = mx.load(str(model), return_metadata=True)
    theirs = Mlx(weights, json.loads(metadata["config"]))
    theirs.start(LAYERS)
    theirs.feed(TOKENS[:5])
    for token in TOKENS[5:]:
        theirs.feed([token])
    session = _core.Session(_core.Model(str(model)))
    session.sync(TOKENS)
    found = np.array(theirs.logits.astype(mx.float32))
    assert np.corrcoef(found, session.logits())[0, 1] > 0.99


def test_transformers_runs_the_shape(model: Path) -> None:
    with model.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    part = Transformers(json.loads(header["__metadata__"]["config"]))
    assert Scaled(part, 2).decode(2) > 0
    assert Scaled(part, 2).prefill(12) > 0
