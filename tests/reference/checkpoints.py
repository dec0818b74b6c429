"""Random gpt-oss checkpoints in the published form, made to exercise every operation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file

from .config import FULL, HEAD_DIM, SLIDING
from .formats import E2M1, GROUP

MASSIVE_TOKENS = (0, 1)
"""Tokens whose embedding holds one value that float16 does not, like a real model's residuals."""
MASSIVE = 9e4


def write_checkpoint(
    directory: Path,
    *,
    layers: int = 2,
    experts: int = 4,
    top_k: int = 2,
    hidden: int = 64,
    intermediate: int = 64,
    heads: int = 8,
    kv_heads: int = 2,
    window: int = 16,
    vocab: int = 512,
    seed: int = 0,
    layer_types: list[str] | None = None,
    rope_theta: float = 150000.0,
    rope_scaling: dict[str, Any] | None = None,
    max_position_embeddings: int = 131072,
    shards: int = 1,
) -> Path:
    """Write a random model as config.json and ``model*.safetensors``; returns the directory.

    The same arguments give the same bytes. Tensors have the published names and types: experts in
    MXFP4 (U8 blocks and scales), the rest BF16. Queries and keys differ in size between heads, so
    that some attend sharply and some broadly; sinks hold a share of the attention; the router is
    decided; gate and up are clamped now and then; no bias is zero; MASSIVE_TOKENS have one huge
    channel; some MXFP4 blocks have the smallest scale. Arguments left out have the values of
    gpt-oss-20b where they don't concern the shape, and `rope_scaling` updates its values.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["GptOssForCausalLM"],
        "attention_bias": True,
        "attention_dropout": 0.0,
        "eos_token_id": vocab - 1,
        "pad_token_id": vocab - 2,
        "experts_per_token": top_k,
        "head_dim": HEAD_DIM,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initial_context_length": 4096,
        "initializer_range": 0.02,
        "intermediate_size": intermediate,
        "layer_types": layer_types or [(SLIDING, FULL)[i % 2] for i in range(layers)],
        "max_position_embeddings": max_position_embeddings,
        "model_type": "gpt_oss",
        "num_attention_heads": heads,
        "num_experts_per_tok": top_k,
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "num_local_experts": experts,
        "output_router_logits": False,
        "quantization_config": {
            "modules_to_not_convert": [
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head",
            ],
            "quant_method": "mxfp4",
        },
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "factor": 32.0,
            "original_max_position_embeddings": 4096,
            "rope_type": "yarn",
            "truncate": False,
            **(rope_scaling or {}),
        },
        "rope_theta": rope_theta,
        "router_aux_loss_coef": 0.9,
        "sliding_window": window,
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": vocab,
    }
    (directory / "config.json").write_text(json.dumps(config, indent=2))
    _write_shards(directory, _random_tensors(config, seed), shards)
    return directory


def _random_tensors(config: dict[str, Any], seed: int) -> dict[str, torch.Tensor]:
    random = _Random(seed)
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    embedding = random.normal(vocab, hidden, deviation=1.0)
    for place, token in enumerate(MASSIVE_TOKENS):
        embedding[token, 5 + 7 * place] = MASSIVE * (-1) ** place
    tensors = {
        "model.embed_tokens.weight": embedding,
        "model.norm.weight": random.normal(hidden, mean=1.0, deviation=0.2),
        "lm_head.weight": random.normal(vocab, hidden, deviation=2.5 * hidden**-0.5),
    }
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        tensors |= {prefix + name: t for name, t in _attention(random, config).items()}
        tensors |= {prefix + name: t for name, t in _experts(random, config).items()}
    return tensors


def _attention(random: _Random, config: dict[str, Any]) -> dict[str, torch.Tensor]:
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    kv_heads = config["num_key_value_heads"]
    # The size of a head's queries is the deviation of its attention scores: from broad to sharp.
    sharpness = np.geomspace(0.3, 2.0, heads)[random.permutation(heads)]
    tensors = {"input_layernorm.weight": random.normal(hidden, mean=1.0, deviation=0.2)}
    for part, count in {"q": heads, "k": kv_heads, "v": kv_heads}.items():
        size = np.repeat(sharpness, HEAD_DIM)[:, None] if part == "q" else 1.0
        weight = random.normal(count * HEAD_DIM, hidden, deviation=size * hidden**-0.5)
        tensors[f"self_attn.{part}_proj.weight"] = weight
        tensors[f"self_attn.{part}_proj.bias"] = random.normal(count * HEAD_DIM, deviation=0.3)
    columns = heads * HEAD_DIM
    return tensors | {
        "self_attn.o_proj.weight": random.normal(hidden, columns, deviation=1.5 * columns**-0.5),
        "self_attn.o_proj.bias": random.normal(hidden, deviation=0.1),
        "self_attn.sinks": random.normal(
            heads, mean=1 + np.log(config["sliding_window"]) / 2, deviation=1.5
        ),
    }


def _experts(random: _Random, config: dict[str, Any]) -> dict[str, torch.Tensor]:
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    experts = config["num_local_experts"]
    tensors = {
        "post_attention_layernorm.weight": random.normal(hidden, mean=1.0, deviation=0.2),
        "mlp.router.weight": random.normal(experts, hidden, deviation=2.0 * hidden**-0.5),
        "mlp.router.bias": random.normal(experts, deviation=0.5),
        "mlp.experts.gate_up_proj_bias": random.normal(experts, 2 * inner, deviation=0.5),
        "mlp.experts.down_proj_bias": random.normal(experts, hidden, deviation=0.1),
    }
    shapes = {"gate_up": (2 * inner, hidden, 3.0), "down": (hidden, inner, 0.15)}
    for name, (rows, columns, gain) in shapes.items():
        blocks, scales = random.mxfp4(experts, rows, columns, deviation=gain * columns**-0.5)
        tensors[f"mlp.experts.{name}_proj_blocks"] = blocks
        tensors[f"mlp.experts.{name}_proj_scales"] = scales
    return tensors


class _Random:
    """Seeded source of tensors."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def permutation(self, count: int) -> npt.NDArray[np.int64]:
        return self._generator.permutation(count)

    def normal(self, *shape: int, mean: float = 0.0, deviation: Any) -> torch.Tensor:
        values = self._generator.standard_normal(shape, dtype=np.float32) * deviation + mean
        return torch.from_numpy(values.astype(np.float32)).bfloat16()

    def mxfp4(
        self, experts: int, rows: int, columns: int, *, deviation: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Blocks of uniformly random codes, and scales around those that give the deviation."""
        shape = (experts, rows, columns // GROUP)
        blocks = np.frombuffer(self._generator.bytes(int(np.prod(shape)) * 16), dtype=np.uint8)
        exponent = round(float(np.log2(deviation / np.sqrt(np.mean(E2M1**2)))))
        scales = self._generator.integers(126 + exponent, 129 + exponent, shape, dtype=np.uint8)
        scales[self._generator.random(shape, dtype=np.float32) < 0.005] = 0
        return torch.from_numpy(blocks.reshape(*shape, 16).copy()), torch.from_numpy(scales)


def _write_shards(directory: Path, tensors: dict[str, torch.Tensor], shards: int) -> None:
    names = list(tensors)
    files = {
        f"model-{shard + 1:05}-of-{shards:05}.safetensors": names[shard::shards]
        for shard in range(shards)
    }
    if shards == 1:
        files = {"model.safetensors": names}
    for file, chosen in files.items():
        save_file({name: tensors[name] for name in chosen}, directory / file, {"format": "pt"})
    index = {
        "metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())},
        "weight_map": {name: file for file, chosen in files.items() for name in chosen},
    }
    if shards > 1:
        (directory / "model.safetensors.index.json").write_text(json.dumps(index))
