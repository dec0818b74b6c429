"""Planted faults: proof that the comparisons of these tests notice what they are there for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from gptoss_metal import Model
from gptoss_metal.convert import convert
from tests.reference import model as reference

from .cases import SHAPES, Case
from .measures import argmax_agreement, difference, mean_kl
from .test_exact import TOLERANCE

Fault = Callable[[dict[str, Any], dict[str, Any]], None]
"""Changes a checkpoint's config and tensors in place."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case without a fault."""
    return Case(SHAPES[0], tmp_path_factory.mktemp("sound"))


def _window_too_long(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    config["sliding_window"] += 1


def _window_too_short(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    config["sliding_window"] -= 1


def _rounded_yarn_range(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    config["rope_scaling"]["truncate"] = True


def _clamp_too_high(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    config["swiglu_limit"] = 7.1


def _swapped_layers(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    config["layer_types"].reverse()


def _one_wrong_code(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensors["model.layers.0.mlp.experts.down_proj_blocks"][1, 2, 0, 3] ^= 0x08


def _one_wrong_scale(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensors["model.layers.1.mlp.experts.gate_up_proj_scales"][0, 5, 1] += 1


def _one_wrong_sink(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensors["model.layers.1.self_attn.sinks"][3] += 0.5


def _one_wrong_weight(config: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensors["model.layers.0.self_attn.v_proj.weight"][7, 9] += 0.1


FAULTS: list[Fault] = [
    _window_too_long,
    _window_too_short,
    _rounded_yarn_range,
    _clamp_too_high,
    _swapped_layers,
    _one_wrong_code,
    _one_wrong_scale,
    _one_wrong_sink,
    _one_wrong_weight,
]


def _name(fault: Fault) -> str:
    return fault.__name__.strip("_").replace("_", "-")


@pytest.mark.parametrize("fault", FAULTS, ids=_name)
def test_a_fault_is_noticed(sound: Case, fault: Fault, tmp_path: Path) -> None:
    directory = _planted(sound.checkpoint, fault, tmp_path)
    file = convert(directory, tmp_path / "faulty.safetensors", dense="bf16")
    for logits in (
        Model.load(file, precision="exact").logits(sound.tokens),
        reference.logits(directory, sound.tokens),
    ):
        assert difference(logits, sound.transformers).largest > TOLERANCE


@pytest.mark.parametrize("fault", [_window_too_long, _window_too_short, _swapped_layers], ids=_name)
def test_the_yardstick_of_bfloat16_notices_a_fault(
    sound: Case, fault: Fault, tmp_path: Path
) -> None:
    """It is a coarse one: a rounded YaRN range is a hundredth of what bfloat16 loses."""
    faulty = reference.logits(_planted(sound.checkpoint, fault, tmp_path), sound.tokens)
    bfloat16 = sound.bfloat16("bf16")
    truth = sound.published.logits
    assert mean_kl(truth, faulty) > mean_kl(truth, bfloat16)
    assert argmax_agreement(truth, faulty) < argmax_agreement(truth, bfloat16)


def test_an_undecided_argmax_is_noticed(sound: Case) -> None:
    logits = sound.published.logits
    changed = logits.copy()
    best = logits[17].argmax()
    changed[17, best] = np.sort(logits[17])[-2] - 1e-9
    assert not difference(changed, logits).same_argmax


def _planted(checkpoint: Path, fault: Fault, target: Path) -> Path:
    """A copy of the checkpoint with the fault in it."""
    directory = target / "checkpoint"
    shutil.copytree(checkpoint, directory)
    config = json.loads((directory / "config.json").read_text())
    tensors = load_file(directory / "model.safetensors")
    fault(config, tensors)
    (directory / "config.json").write_text(json.dumps(config))
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})
    return directory
