"""The demo model, converted with bf16 dense weights: on Metal as on the CPU."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gptoss_metal import Model
from gptoss_metal.convert import convert
from tests.conftest import ROOT
from tests.logits.measures import difference

from .conftest import greedy

QUESTION = "<|start|>user<|message|>What is 27 + 15?<|end|><|start|>assistant"
ANSWER = 64


@pytest.fixture(scope="module")
def demo_bf16(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo model as `convert --dense bf16` makes it."""
    folder = tmp_path_factory.mktemp("demo")
    sys.path.insert(0, str(ROOT / "tools" / "demo"))
    try:
        import expand
    finally:
        sys.path.pop(0)
    expand.expand(expand.WEIGHTS, folder / "checkpoint")
    convert(folder / "checkpoint", folder / "demo.safetensors", dense="bf16")
    return str(folder / "demo.safetensors")


def test_logits_and_greedy_tokens_are_those_of_the_cpu(demo_bf16: str) -> None:
    metal = Model.load(demo_bf16, backend="metal", precision="exact")
    cpu = Model.load(demo_bf16, backend="cpu", precision="exact")
    prompt = np.array(metal.vocabulary.encode(QUESTION, specials=True), dtype=np.int32)
    found = difference(metal.logits(prompt), cpu.logits(prompt))
    print(f"\ndemo         exact bf16, metal - cpu: {found}")
    assert found.largest <= 1e-3
    assert found.same_argmax
    assert greedy(metal, prompt, ANSWER) == greedy(cpu, prompt, ANSWER)
