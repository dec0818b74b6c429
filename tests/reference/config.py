"""The numbers that describe one gpt-oss model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HEAD_DIM = 64
SLIDING = "sliding_attention"
FULL = "full_attention"


@dataclass(frozen=True)
class Config:
    """Shape and constants of a gpt-oss model; field names are those of the model file's config."""

    num_hidden_layers: int
    num_local_experts: int
    num_experts_per_tok: int
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    num_attention_heads: int
    num_key_value_heads: int
    sliding_window: int
    layer_types: tuple[str, ...]
    max_position_embeddings: int
    rope_theta: float
    rope_factor: float
    rope_original_context: int
    rope_beta_fast: float
    rope_beta_slow: float
    rope_truncate: bool
    rms_norm_eps: float
    swiglu_limit: float

    @classmethod
    def from_huggingface(cls, source: dict[str, Any]) -> Config:
        """Read a published ``config.json``."""
        rope = source["rope_scaling"]
        return cls(
            **{name: source[name] for name in _SAME_IN_BOTH},
            layer_types=tuple(source["layer_types"]),
            rope_factor=rope["factor"] if rope["rope_type"] == "yarn" else 1.0,
            rope_original_context=rope["original_max_position_embeddings"],
            rope_beta_fast=rope["beta_fast"],
            rope_beta_slow=rope["beta_slow"],
            rope_truncate=rope["truncate"],
        )

    @classmethod
    def from_model_file(cls, source: dict[str, Any]) -> Config:
        """Read the config of a converted model file."""
        return cls(
            **{name: source[name] for name in _SAME_IN_BOTH + _ROPE},
            layer_types=tuple(source["layer_types"]),
        )

    def window(self, layer: int) -> int | None:
        """Tokens that a query of this layer sees, itself included; None: all of them."""
        return self.sliding_window if self.layer_types[layer] == SLIDING else None


_SAME_IN_BOTH = (
    "num_hidden_layers",
    "num_local_experts",
    "num_experts_per_tok",
    "hidden_size",
    "intermediate_size",
    "vocab_size",
    "num_attention_heads",
    "num_key_value_heads",
    "sliding_window",
    "max_position_embeddings",
    "rope_theta",
    "rms_norm_eps",
    "swiglu_limit",
)
_ROPE = (
    "rope_factor",
    "rope_original_context",
    "rope_beta_fast",
    "rope_beta_slow",
    "rope_truncate",
)
