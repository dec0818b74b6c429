"""Checkpoints in Hugging Face's layout: config.json and model*.safetensors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from gptoss_metal.config import Config

from .config import Fields, checked
from .failure import failure
from .shards import open_shards, read_json
from .source import Source

PATTERN: Final = "model*.safetensors"
MODEL_NAMES: Final = {
    "embedding": ("model.embed_tokens.weight",),
    "final_norm": ("model.norm.weight",),
    "unembedding": ("lm_head.weight",),
}
LAYER_NAMES: Final = {
    "attn_norm": ("input_layernorm.weight",),
    "qkv": tuple(f"self_attn.{part}_proj.weight" for part in "qkv"),
    "qkv.bias": tuple(f"self_attn.{part}_proj.bias" for part in "qkv"),
    "sinks": ("self_attn.sinks",),
    "out": ("self_attn.o_proj.weight",),
    "out.bias": ("self_attn.o_proj.bias",),
    "mlp_norm": ("post_attention_layernorm.weight",),
    "router": ("mlp.router.weight",),
    "router.bias": ("mlp.router.bias",),
    "gate_up.blocks": ("mlp.experts.gate_up_proj_blocks",),
    "gate_up.scales": ("mlp.experts.gate_up_proj_scales",),
    "gate_up.bias": ("mlp.experts.gate_up_proj_bias",),
    "down.blocks": ("mlp.experts.down_proj_blocks",),
    "down.scales": ("mlp.experts.down_proj_scales",),
    "down.bias": ("mlp.experts.down_proj_bias",),
}
GPT_OSS: Final = "a gpt-oss checkpoint; other architectures are not supported"


def open_huggingface(directory: Path) -> Source:
    """Read config and headers of a Hugging Face checkpoint.

    Raises:
        Error: a file is missing or damaged, or the config is not one gptoss-metal runs.
    """
    config = config_from_huggingface(
        read_json(directory / "config.json"), str(directory / "config.json")
    )
    return Source("huggingface", directory, config, open_shards(directory, PATTERN), source_names)


def source_names(weight: str) -> tuple[str, ...]:
    """Return Hugging Face's tensor names for a weight of the model file."""
    if match := re.fullmatch(r"layers\.(\d+)\.(.+)", weight):
        layer, name = match.groups()
        return tuple(f"model.layers.{layer}.{part}" for part in LAYER_NAMES[name])
    return MODEL_NAMES[weight]


def config_from_huggingface(values: dict[str, Any], where: str) -> Config:
    """Return our config from a config.json of transformers 4 or 5; dense weights "q8".

    Raises:
        Error: another architecture, a missing key, or a value outside the limits.
    """
    fields = Fields(values, where)
    if values.get("model_type") != "gpt_oss":
        raise failure(f"{where}: model_type is {values.get('model_type')!r}", GPT_OSS)
    fields.require("architectures", ["GptOssForCausalLM"])
    fields.require("attention_bias", True)
    fields.require("tie_word_embeddings", False)
    fields.require("hidden_act", "silu")
    fields.require("swiglu_alpha", 1.702)
    if quantization := fields.section("quantization_config"):
        quantization.require("quant_method", "mxfp4")
    layers = fields.integer("num_hidden_layers")
    config = Config(
        num_hidden_layers=layers,
        num_local_experts=fields.integer("num_local_experts"),
        num_experts_per_tok=fields.integer(
            "num_experts_per_tok", values.get("experts_per_token", 4)
        ),
        hidden_size=fields.integer("hidden_size"),
        intermediate_size=fields.integer("intermediate_size"),
        vocab_size=fields.integer("vocab_size"),
        num_attention_heads=fields.integer("num_attention_heads"),
        num_key_value_heads=fields.integer("num_key_value_heads"),
        head_dim=fields.integer("head_dim", 64),
        sliding_window=fields.integer("sliding_window", 128),
        layer_types=fields.layer_types(layers),
        max_position_embeddings=fields.integer("max_position_embeddings", 131072),
        **_rope(fields),
        rms_norm_eps=fields.number("rms_norm_eps", 1e-5),
        swiglu_limit=fields.number("swiglu_limit", 7.0),
        dense="q8",
    )
    return checked(config, where)


def _rope(fields: Fields) -> dict[str, Any]:
    """Return the rope fields from ``rope_parameters`` (5), else ``rope_scaling`` (4)."""
    new = fields.section("rope_parameters")
    scaling = new or fields.section("rope_scaling") or Fields({}, fields.where)
    kind = scaling.values.get("rope_type", scaling.values.get("type", "default"))
    if kind not in ("yarn", "default"):
        raise failure(
            f"{scaling.where}: rope_type is {kind!r}", "a checkpoint with yarn or default"
        )
    for key in ("attention_factor", "mscale", "mscale_all_dim"):
        scaling.require(key, None)
    yarn = kind == "yarn"
    context = fields.values.get("initial_context_length" if yarn else "max_position_embeddings")
    return {
        "rope_theta": (new or fields).number("rope_theta", 150000.0),
        "rope_factor": scaling.number("factor") if yarn else 1.0,
        "rope_original_context": scaling.integer("original_max_position_embeddings", context),
        "rope_beta_fast": scaling.number("beta_fast", 32.0),
        "rope_beta_slow": scaling.number("beta_slow", 1.0),
        "rope_truncate": scaling.flag("truncate", True) if yarn else False,
    }
