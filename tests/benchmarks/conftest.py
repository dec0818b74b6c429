"""A small model file of random weights, and its twin for llama.cpp."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers.gguf_file import write_gguf
from gptoss_metal.convert import shape, write_random_model

SMALL = shape(
    num_hidden_layers=2,
    num_local_experts=4,
    hidden_size=128,
    intermediate_size=64,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=500,
)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("peers") / "small.safetensors", SMALL)


@pytest.fixture(scope="session")
def gguf(model: Path) -> Path:
    return write_gguf(model, model.with_suffix(".gguf"))
