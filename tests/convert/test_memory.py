"""Memory stays low however large a tensor is."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.convert import Config, convert
from gptoss_metal.convert.config import as_json
from gptoss_metal.convert.huggingface import source_names
from gptoss_metal.convert.layout import plan
from gptoss_metal.convert.random_model import shape

BOUND = 50 << 20


def write_sparse_checkpoint(directory: Path, config: Config) -> None:
    """Write a checkpoint of zeros that takes no room on the disk."""
    directory.mkdir()
    values = as_json(config) | {"model_type": "gpt_oss"}
    (directory / "config.json").write_text(json.dumps(values))
    header: dict[str, Any] = {}
    end = 0
    for weight in plan(config, 0).weights[1:]:
        names = source_names(weight.name)
        kv = config.num_key_value_heads
        heads = [config.num_attention_heads, kv, kv]
        for index, name in enumerate(names):
            rows = weight.shape[0] if len(names) == 1 else heads[index] * 64
            dims = (rows, *weight.shape[1:])
            dtype = "U8" if weight.kind in ("blocks", "scales") else "BF16"
            size = math.prod(dims) * (1 if dtype == "U8" else 2)
            header[name] = {"dtype": dtype, "shape": dims, "data_offsets": [end, end + size]}
            end += size
    text = json.dumps(header).encode()
    with (directory / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


@pytest.mark.parametrize(("slice_bytes", "bounded"), [(8 << 20, True), (1 << 30, False)])
def test_peak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slice_bytes: int, bounded: bool
) -> None:
    """Tensors of 80 MB pass in little memory; planted fault: whole tensors do not."""
    config = shape(num_hidden_layers=1, num_local_experts=4, hidden_size=1024, vocab_size=40000)
    write_sparse_checkpoint(tmp_path / "hf", config)
    monkeypatch.setattr("gptoss_metal.convert.checkpoint.SLICE_BYTES", slice_bytes)
    tracemalloc.start()
    try:
        convert(tmp_path / "hf", tmp_path / "model.safetensors")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (peak < BOUND) is bounded, peak
