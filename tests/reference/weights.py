"""Weights of a gpt-oss model in float64, from a checkpoint or from a converted model file."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from .config import Config
from .formats import Float64, bf16_decode, mxfp4_decode, q8_decode


class Weights(ABC):
    """Named weights, read and decoded when asked for. Names are those of the model file."""

    config: Config

    @abstractmethod
    def dense(self, name: str) -> Float64:
        """A whole tensor that is not MXFP4."""

    @abstractmethod
    def expert(self, layer: int, matrix: str, expert: int) -> Float64:
        """An expert's ``gate_up`` [2 * intermediate, hidden] or ``down`` [hidden, intermediate]."""


class CheckpointWeights(Weights):
    """A Hugging Face directory in the published form: config.json and ``model*.safetensors``."""

    def __init__(self, directory: Path) -> None:
        """Open every shard and read the config."""
        self.config = Config.from_huggingface(json.loads((directory / "config.json").read_text()))
        self._files: dict[str, Any] = {}
        for path in sorted(directory.glob("model*.safetensors")):
            file: Any = safe_open(path, framework="pt")
            self._files.update(dict.fromkeys(file.keys(), file))

    def dense(self, name: str) -> Float64:
        """Read a tensor under its name in the model file; qkv is put together from three."""
        layer, _, local = name.removeprefix("layers.").partition(".")
        if not name.startswith("layers."):
            return self._read(_WHOLE[name])
        prefix = f"model.layers.{layer}."
        if local in ("qkv", "qkv.bias"):
            kind = "bias" if local.endswith("bias") else "weight"
            return np.concatenate(
                [self._read(f"{prefix}self_attn.{part}_proj.{kind}") for part in "qkv"]
            )
        return self._read(prefix + _PER_LAYER[local])

    def expert(self, layer: int, matrix: str, expert: int) -> Float64:
        """Decode one expert's matrix."""
        prefix = f"model.layers.{layer}.mlp.experts.{matrix}_proj"
        blocks, scales = (
            self._files[f"{prefix}_{part}"].get_slice(f"{prefix}_{part}")[expert].numpy()
            for part in ("blocks", "scales")
        )
        return mxfp4_decode(blocks, scales)

    def _read(self, name: str) -> Float64:
        return _to_float64(self._files[name].get_tensor(name))


class ModelFileWeights(Weights):
    """A converted model file of either dense type; the values are those that it stores."""

    def __init__(self, path: Path) -> None:
        """Open the file and read its config."""
        self._file: Any = safe_open(path, framework="pt")
        self._names = set(self._file.keys())
        self.config = Config.from_model_file(json.loads(self._file.metadata()["config"]))

    def dense(self, name: str) -> Float64:
        """Read a tensor, from its q8 form if it has one."""
        if name in self._names:
            return _to_float64(self._file.get_tensor(name))
        return q8_decode(
            self._file.get_tensor(f"{name}.q8").numpy(),
            self._file.get_tensor(f"{name}.scale").numpy(),
        )

    def expert(self, layer: int, matrix: str, expert: int) -> Float64:
        """Decode one expert's matrix."""
        blocks, scales = (
            self._file.get_slice(f"layers.{layer}.{matrix}.{part}")[expert].numpy()
            for part in ("blocks", "scales")
        )
        return mxfp4_decode(blocks, scales)


def open_weights(path: Path) -> Weights:
    """Weights of a checkpoint directory or of a converted model file."""
    return CheckpointWeights(path) if path.is_dir() else ModelFileWeights(path)


def _to_float64(tensor: Any) -> Float64:
    if tensor.dtype == torch.bfloat16:
        return bf16_decode(tensor.view(torch.uint16).numpy())
    values: Float64 = tensor.numpy().astype(np.float64)
    return values


_WHOLE = {
    "embedding": "model.embed_tokens.weight",
    "final_norm": "model.norm.weight",
    "unembedding": "lm_head.weight",
}
_PER_LAYER = {
    "attn_norm": "input_layernorm.weight",
    "sinks": "self_attn.sinks",
    "out": "self_attn.o_proj.weight",
    "out.bias": "self_attn.o_proj.bias",
    "mlp_norm": "post_attention_layernorm.weight",
    "router": "mlp.router.weight",
    "router.bias": "mlp.router.bias",
    "gate_up.bias": "mlp.experts.gate_up_proj_bias",
    "down.bias": "mlp.experts.down_proj_bias",
}
