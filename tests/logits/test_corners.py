"""Shapes at the edges of what gptoss-metal runs, against the float64 reference.

Pruned and fine-tuned variants have such shapes. The seeds are those where no token is undecided
between experts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gptoss_metal import Model
from gptoss_metal.convert import convert
from tests.reference.checkpoints import write_checkpoint

from .cases import DENSE_TYPES, Truth
from .measures import difference
from .test_exact import KEPT

CORNERS: dict[str, tuple[int, dict[str, Any]]] = {
    "one token": (1, {}),
    "one token less than a page": (255, {}),
    "a page": (256, {}),
    "one token more than a page": (257, {}),
    "window of one token": (70, {"window": 1}),
    "window as long as the sequence": (90, {"window": 90}),
    "window longer than the sequence": (90, {"window": 4096}),
    "sliding layers only": (90, {"layer_types": ["sliding_attention"] * 2}),
    "full layers only": (90, {"layer_types": ["full_attention"] * 2, "seed": 1}),
    "one layer": (90, {"layers": 1}),
    "one expert": (90, {"experts": 1, "top_k": 1}),
    "eight of eight experts": (90, {"experts": 8, "top_k": 8}),
    "eight of 128 experts": (90, {"experts": 128, "top_k": 8, "seed": 2}),
    "one head": (90, {"heads": 1, "kv_heads": 1}),
    "64 heads on one": (90, {"heads": 64, "kv_heads": 1}),
    "seven heads on each of three": (90, {"heads": 21, "kv_heads": 3}),
    "three tokens of vocabulary": (90, {"vocab": 3}),
    "wide hidden": (40, {"hidden": 1088}),
    "wide experts": (40, {"intermediate": 1088}),
    "no yarn": (90, {"rope_scaling": {"rope_type": "default"}}),
    "short maximum": (90, {"max_position_embeddings": 90}),
}


@pytest.mark.parametrize("dense", DENSE_TYPES)
@pytest.mark.parametrize("corner", CORNERS)
def test_exact_logits(corner: str, dense: str, tmp_path: Path) -> None:
    length, arguments = CORNERS[corner]
    checkpoint = write_checkpoint(tmp_path / "checkpoint", **arguments)
    file = convert(checkpoint, tmp_path / "model.safetensors", dense=dense)
    vocab = arguments.get("vocab", 512)
    tokens = np.random.default_rng(0).integers(0, vocab, length, dtype=np.int32)
    truth = Truth.of(file, tokens)
    assert truth.router_margin >= 1e-4
    found = difference(Model.load(file, precision="exact").logits(tokens), truth.logits)
    assert found.largest <= KEPT
    assert found.same_argmax
