"""Checkpoints in OpenAI's own layout: the ``original/`` folder of the published repositories."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from gptoss_metal.config import Config

from .config import Fields, checked
from .shards import open_shards, read_json
from .source import Source

PATTERN: Final = "*.safetensors"
MODEL_NAMES: Final = {
    "embedding": "embedding.weight",
    "final_norm": "norm.scale",
    "unembedding": "unembedding.weight",
}
LAYER_NAMES: Final = {
    "attn_norm": "attn.norm.scale",
    "qkv": "attn.qkv.weight",
    "qkv.bias": "attn.qkv.bias",
    "sinks": "attn.sinks",
    "out": "attn.out.weight",
    "out.bias": "attn.out.bias",
    "mlp_norm": "mlp.norm.scale",
    "router": "mlp.gate.weight",
    "router.bias": "mlp.gate.bias",
    "gate_up.blocks": "mlp.mlp1_weight.blocks",
    "gate_up.scales": "mlp.mlp1_weight.scales",
    "gate_up.bias": "mlp.mlp1_bias",
    "down.blocks": "mlp.mlp2_weight.blocks",
    "down.scales": "mlp.mlp2_weight.scales",
    "down.bias": "mlp.mlp2_bias",
}


def open_original(directory: Path) -> Source:
    """Read config and headers of an ``original/`` checkpoint.

    Raises:
        Error: a file is missing or damaged, or the config is not one gptoss-metal runs.
    """
    config = config_from_original(
        read_json(directory / "config.json"), str(directory / "config.json")
    )
    return Source("original", directory, config, open_shards(directory, PATTERN), source_names)


def source_names(weight: str) -> tuple[str, ...]:
    """Return OpenAI's tensor name for a weight of the model file."""
    if match := re.fullmatch(r"layers\.(\d+)\.(.+)", weight):
        layer, name = match.groups()
        return (f"block.{layer}.{LAYER_NAMES[name]}",)
    return (MODEL_NAMES[weight],)


def config_from_original(values: dict[str, Any], where: str) -> Config:
    """Return our config from OpenAI's config.json; dense weights "q8".

    That file has no epsilon, no layer types and no maximum context: they are constants of
    OpenAI's code (1e-5, windows on even layers) and the product of original context and factor.

    Raises:
        Error: a missing key or a value outside the limits.
    """
    fields = Fields(values, where)
    layers = fields.integer("num_hidden_layers")
    context = fields.integer("initial_context_length", 4096)
    factor = fields.number("rope_scaling_factor", 32.0)
    config = Config(
        num_hidden_layers=layers,
        num_local_experts=fields.integer("num_experts"),
        num_experts_per_tok=fields.integer("experts_per_token", 4),
        hidden_size=fields.integer("hidden_size"),
        intermediate_size=fields.integer("intermediate_size"),
        vocab_size=fields.integer("vocab_size"),
        num_attention_heads=fields.integer("num_attention_heads"),
        num_key_value_heads=fields.integer("num_key_value_heads"),
        head_dim=fields.integer("head_dim", 64),
        sliding_window=fields.integer("sliding_window", 128),
        layer_types=fields.layer_types(layers),
        max_position_embeddings=int(context * factor),
        rope_theta=fields.number("rope_theta", 150000.0),
        rope_factor=factor,
        rope_original_context=context,
        rope_beta_fast=fields.number("rope_ntk_beta", 32.0),
        rope_beta_slow=fields.number("rope_ntk_alpha", 1.0),
        rope_truncate=False,
        rms_norm_eps=1e-5,
        swiglu_limit=fields.number("swiglu_limit", 7.0),
        dense="q8",
    )
    return checked(config, where)
