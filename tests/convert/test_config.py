"""Which configs are read, in which forms, and which are refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gptoss_metal.convert import SHAPES, Config
from gptoss_metal.convert.config import as_json, config_from_json
from gptoss_metal.convert.huggingface import config_from_huggingface
from gptoss_metal.convert.original import config_from_original
from gptoss_metal.errors import Error

YARN = {
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "factor": 32.0,
    "original_max_position_embeddings": 4096,
    "rope_type": "yarn",
    "truncate": False,
}
PUBLISHED: dict[str, Any] = {
    "architectures": ["GptOssForCausalLM"],
    "attention_bias": True,
    "experts_per_token": 4,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 2880,
    "initial_context_length": 4096,
    "intermediate_size": 2880,
    "max_position_embeddings": 131072,
    "model_type": "gpt_oss",
    "num_attention_heads": 64,
    "num_experts_per_tok": 4,
    "num_hidden_layers": 24,
    "num_key_value_heads": 8,
    "num_local_experts": 32,
    "quantization_config": {"quant_method": "mxfp4"},
    "rms_norm_eps": 1e-05,
    "rope_scaling": YARN,
    "rope_theta": 150000,
    "sliding_window": 128,
    "swiglu_limit": 7.0,
    "tie_word_embeddings": False,
    "vocab_size": 201088,
}
ORIGINAL = {
    "num_hidden_layers": 24,
    "num_experts": 32,
    "experts_per_token": 4,
    "vocab_size": 201088,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "swiglu_limit": 7.0,
    "head_dim": 64,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "sliding_window": 128,
    "initial_context_length": 4096,
    "rope_theta": 150000,
    "rope_scaling_factor": 32.0,
    "rope_ntk_alpha": 1,
    "rope_ntk_beta": 32,
}


def from_published(**changes: Any) -> Config:
    """Return the config read from the published one with some keys changed."""
    return config_from_huggingface(PUBLISHED | changes, "config.json")


def test_published_configs_are_gpt_oss_20b() -> None:
    assert from_published() == SHAPES["20b"]
    assert config_from_original(ORIGINAL, "config.json") == SHAPES["20b"]


def test_rope_of_transformers_4_and_5() -> None:
    odd = YARN | {"factor": 8, "beta_fast": 16, "truncate": True}
    four = from_published(rope_scaling=odd, rope_theta=10000)
    five = from_published(
        rope_scaling=None, rope_theta=None, rope_parameters=odd | {"rope_theta": 1e4}
    )
    assert four == five
    assert (four.rope_factor, four.rope_beta_fast, four.rope_truncate) == (8.0, 16.0, True)
    assert four.rope_theta == 10000.0
    rest = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 4096}
    assert from_published(rope_scaling=rest).rope_truncate, "transformers' default"


@pytest.mark.parametrize("scaling", [None, {"rope_type": "default", "rope_theta": 150000.0}])
def test_no_yarn_is_factor_one(scaling: dict[str, Any] | None) -> None:
    config = from_published(rope_scaling=None, rope_parameters=scaling)
    assert config.rope_factor == 1.0
    assert config.rope_original_context == 131072


def test_layer_types_are_kept_or_alternate() -> None:
    kinds = ["full_attention"] * 24
    assert from_published(layer_types=kinds).layer_types == tuple(kinds)
    assert from_published().layer_types[:3] == (
        "sliding_attention", "full_attention", "sliding_attention",
    )  # fmt: skip


def test_stored_config_reads_back() -> None:
    for config in SHAPES.values():
        assert config_from_json(as_json(config), "file") == config
    values = as_json(SHAPES["20b"])
    with pytest.raises(Error, match=r"file: config has an unknown key 'extra'"):
        config_from_json(values | {"extra": 1}, "file")
    with pytest.raises(Error, match=r"file: config has no 'dense'"):
        config_from_json({k: v for k, v in values.items() if k != "dense"}, "file")
    assert set(values) == {field.name for field in dataclasses.fields(Config)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"model_type": None}, "model_type is None"),
        ({"architectures": ["GptOssForSequenceClassification"]}, "architectures is"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings is True"),
        ({"attention_bias": False}, "attention_bias is False"),
        ({"swiglu_alpha": 1.5}, r"swiglu_alpha is 1\.5"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"quantization_config": {"quant_method": "awq"}}, "quant_method is 'awq'"),
        ({"quantization_config": []}, r"quantization_config is \[\], not an object"),
        ({"num_hidden_layers": None}, "has no 'num_hidden_layers'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_hidden_layers": 2, "layer_types": ["full_attention"]}, "layer_types is 1 entries"),
        ({"layer_types": ["chunked_attention"] * 24}, "layer_types is 24 entries"),
        ({"layer_types": "full"}, "layer_types is 'full', not a list"),
        ({"num_local_experts": 129}, "num_local_experts is 129, but gptoss-metal needs 1 to 128"),
        ({"num_experts_per_tok": 9}, "num_experts_per_tok is 9, but gptoss-metal needs 1 to 8"),
        ({"num_local_experts": 3}, "num_experts_per_tok is 4, but gptoss-metal needs 1 to 3"),
        ({"hidden_size": 2890}, "hidden_size is 2890, but gptoss-metal needs a multiple of 64"),
        ({"intermediate_size": 65600}, "intermediate_size is 65600"),
        ({"hidden_size": "2880"}, "hidden_size is '2880', not a whole number"),
        ({"hidden_size": True}, "hidden_size is True, not a whole number"),
        ({"head_dim": 128}, "head_dim is 128, but gptoss-metal needs 64"),
        ({"num_attention_heads": 60}, r"num_attention_heads is 60, .* \(8\)"),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"sliding_window": 0}, "sliding_window is 0"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps is nan, not a finite number"),
        ({"rms_norm_eps": 10**400}, "rms_norm_eps is 10*, not a finite number"),
        ({"hidden_size": 1e300}, "hidden_size is 10"),
        ({"swiglu_limit": -7.0}, r"swiglu_limit is -7\.0"),
        ({"rope_theta": "big"}, "rope_theta is 'big', not a number"),
        ({"rope_scaling": YARN | {"rope_type": "llama3"}}, "rope_type is 'llama3'"),
        ({"rope_scaling": YARN | {"attention_factor": 1.0}}, r"attention_factor is 1\.0"),
        ({"rope_scaling": YARN | {"factor": 0.5}}, r"rope_factor is 0\.5"),
        ({"rope_scaling": YARN | {"beta_fast": 1.0}}, r"rope_beta_fast is 1\.0"),
        ({"rope_scaling": YARN | {"truncate": 0}}, "truncate is 0, not true or false"),
    ],
)
def test_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Error, match=message) as caught:
        from_published(**changes)
    text = str(caught.value)
    assert "config.json" in text
    assert ". Try: " in text
    assert "\n" not in text
