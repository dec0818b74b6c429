"""Independent implementations of gpt-oss: transformers and mlx-lm, made as exact as they can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GptOssForCausalLM
from transformers.utils.quantization_config import Mxfp4Config

from . import operations as op
from .config import Config
from .formats import Float64, Tokens
from .weights import Weights

PREFILL = 512
"""Tokens computed at a time, with a cache: both materialize attention matrices of all of them."""


class Transformers:
    """GptOssForCausalLM with eager attention and experts dequantized to its data type."""

    def __init__(self, directory: Path, dtype: torch.dtype, *, exact_rotary: bool = False) -> None:
        """Load a checkpoint directory.

        Args:
            directory: a checkpoint in the published form.
            dtype: torch.float64, torch.float32 or torch.bfloat16. float64 is loaded in float32,
                which holds every weight exactly, and widened. What then stays in float32 is the
                inside of the norms (and the angles, without exact_rotary).
            exact_rotary: compute the angles in float64 from the reference's frequencies, where
                transformers computes both in float32 whatever its data type: an error that grows
                with the position. A test compares the frequencies themselves.
        """
        self.model = GptOssForCausalLM.from_pretrained(
            directory,
            dtype=torch.float32 if dtype == torch.float64 else dtype,
            attn_implementation="eager",
            experts_implementation="eager",
            quantization_config=Mxfp4Config(dequantize=True),
        ).eval()
        if dtype == torch.float64:
            self.model.double()
        for layer in self.model.model.layers:
            _by_columns(layer.mlp.experts.gate_up_proj)
            _by_columns(layer.mlp.experts.down_proj)
        rotary = self.model.model.rotary_emb
        self.frequencies: Float64 = rotary.inv_freq.double().numpy()
        self.concentration: float = rotary.attention_scaling
        if exact_rotary:
            self.model.model.rotary_emb = _ExactRotary(read_config(directory))

    def store(self, weights: Weights) -> None:
        """Replace the matrices that a model file may hold in q8, rounded to this data type."""
        self._set(self.model.lm_head, weights.dense("unembedding"))
        for index, layer in enumerate(self.model.model.layers):
            attention = layer.self_attn
            parts = [attention.q_proj, attention.k_proj, attention.v_proj]
            ends = np.cumsum([part.out_features for part in parts])[:-1]
            qkv = np.split(weights.dense(f"layers.{index}.qkv"), ends)
            for module, values in zip(parts, qkv, strict=True):
                self._set(module, values)
            self._set(attention.o_proj, weights.dense(f"layers.{index}.out"))

    def logits(self, tokens: Tokens) -> Float64:
        """[tokens, vocab]"""
        parts, cache = [], None
        with torch.inference_mode():
            for start in range(0, len(tokens), PREFILL):
                chunk = torch.tensor([[int(token) for token in tokens[start : start + PREFILL]]])
                output = self.model(chunk, past_key_values=cache, use_cache=True)
                cache = output.past_key_values
                parts.append(output.logits[0].double().numpy())
        return np.concatenate(parts)

    @staticmethod
    def _set(module: torch.nn.Linear, values: Float64) -> None:
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(values))


class MlxLm:
    """mlx_lm.models.gpt_oss on the CPU, everything but the MXFP4 experts in float32."""

    def __init__(self, directory: Path, *, exact_rotary: bool = False) -> None:
        """Load a checkpoint directory.

        The rotary frequencies are replaced: mlx-lm rounds the YaRN range to whole dimensions even
        where the config says ``truncate: false``.

        Args:
            directory: a checkpoint in the published form.
            exact_rotary: replace the whole rotary embedding by one with float64 angles, where
                mlx-lm has float32: an error that grows with the position.
        """
        import mlx.core as mx
        from mlx_lm.utils import load_model

        self.model, _ = load_model(directory, lazy=False)
        self.model.set_dtype(mx.float32)
        config = read_config(directory)
        periods = mx.array((1 / op.rope_frequencies(config)).tolist())
        for layer in self.model.layers:
            if exact_rotary:
                layer.self_attn.rope = _ExactMlxRotary(config)
            else:
                layer.self_attn.rope._freqs = periods

    def logits(self, tokens: Tokens) -> Float64:
        """[tokens, vocab]"""
        import mlx.core as mx

        parts, cache = [], self.model.make_cache()
        for start in range(0, len(tokens), PREFILL):
            chunk = mx.array([[int(token) for token in tokens[start : start + PREFILL]]])
            parts.append(np.array(self.model(chunk, cache=cache)[0], dtype=np.float64))
        return np.concatenate(parts)


def _by_columns(matrices: torch.nn.Parameter) -> None:
    """Store the same matrices in the order that torch multiplies bfloat16 40 times faster in."""
    matrices.data = matrices.data.transpose(1, 2).contiguous().transpose(1, 2)


def read_config(directory: Path) -> Config:
    """The config of a checkpoint directory."""
    return Config.from_huggingface(json.loads((directory / "config.json").read_text()))


class _ExactRotary(torch.nn.Module):
    """Cosines and sines of float64 angles, in place of transformers' rotary embedding."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.frequencies = torch.from_numpy(op.rope_frequencies(config))
        self.concentration = op.rope_concentration(config)

    def forward(
        self, x: torch.Tensor, position_ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        angles = position_ids[..., None].double() * self.frequencies
        cosine, sine = torch.cos(angles), torch.sin(angles)
        return (cosine * self.concentration).to(x.dtype), (sine * self.concentration).to(x.dtype)


class _ExactMlxRotary:
    """Rotation by float64 angles, in place of mlx-lm's rotary embedding."""

    def __init__(self, config: Config) -> None:
        self.frequencies = op.rope_frequencies(config)
        self.concentration = op.rope_concentration(config)

    def __call__(self, x: Any, offset: int = 0) -> Any:
        import mlx.core as mx

        angles = np.arange(offset, offset + x.shape[-2])[:, None] * self.frequencies
        cosine = mx.array((np.cos(angles) * self.concentration).astype(np.float32))
        sine = mx.array((np.sin(angles) * self.concentration).astype(np.float32))
        first, second = mx.split(x, 2, axis=-1)
        rotated = [first * cosine - second * sine, second * cosine + first * sine]
        return mx.concatenate(rotated, axis=-1)
