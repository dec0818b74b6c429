"""Transformers in bfloat16 on the CPU as a measured process, in an environment of its own.

    python -m benchmarks.peers.transformers_worker MODEL THREADS

It has no MXFP4 on the CPU and would expand the weights to bfloat16; so the shape is that of our
model file and the weights are made up.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache, GptOssConfig, GptOssForCausalLM

from .scaled import LAYERS, Part, serve

SPREAD = 0.03
SAME = (
    *("num_local_experts", "num_experts_per_tok", "vocab_size", "rms_norm_eps", "hidden_size"),
    *("intermediate_size", "head_dim", "num_attention_heads", "num_key_value_heads"),
    *("sliding_window",),
)
"""Fields of our config that Transformers calls the same."""


class Transformers(Part):
    """gpt-oss as Transformers computes it."""

    longest = 128

    def __init__(self, config: dict[str, Any]) -> None:
        self.vocabulary = config["vocab_size"]
        self._config = _config(config)
        with torch.device("meta"):
            model = GptOssForCausalLM(self._config).bfloat16()
        self._model = model.to_empty(device="cpu").train(False)
        # What is computed rather than stored came out empty as well.
        self._model.model.rotary_emb = type(self._model.model.rotary_emb)(self._config)
        for weights in self._model.parameters():
            weights.data.uniform_(-SPREAD, SPREAD)
        self._cache = DynamicCache(config=self._config)

    def start(self, layers: int) -> None:
        self._config.num_hidden_layers = LAYERS
        self._cache = DynamicCache(config=self._config)
        self._config.num_hidden_layers = layers

    @torch.inference_mode()
    def feed(self, tokens: list[int]) -> None:
        self._model(torch.tensor([tokens]), cache=self._cache, use_cache=True, logits_to_keep=1)


def _config(config: dict[str, Any]) -> GptOssConfig:
    return GptOssConfig(
        num_hidden_layers=LAYERS,
        layer_types=config["layer_types"][:LAYERS],
        eos_token_id=0,
        pad_token_id=0,
        **{name: config[name] for name in SAME},
    )


def main() -> None:
    """Build the part and answer commands."""
    path, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    with Path(path).open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    config = json.loads(header["__metadata__"]["config"])
    serve(Transformers(config), config["num_hidden_layers"], int(threads))


if __name__ == "__main__":
    main()
