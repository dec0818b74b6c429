"""The shape of a model, as its file states it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gptoss_metal.errors import Error


@dataclass(frozen=True)
class Config:
    """A gpt-oss architecture; the fields are the keys of the model file's ``config``.

    Widths count elements; ``sliding_window``, ``max_position_embeddings`` and
    ``rope_original_context`` count tokens. ``dense`` says how dense weights are stored,
    ``q8`` or ``bf16``.
    """

    num_hidden_layers: int
    num_local_experts: int
    num_experts_per_tok: int
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
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
    dense: str

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Config:
        """Reads the core's dictionary.

        Raises:
            Error: a key is missing.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in values]
        if missing:
            raise Error(f"[load] the config lacks {missing[0]}. Try: convert the model again.")
        chosen = {name: values[name] for name in names}
        return cls(**{**chosen, "layer_types": tuple(chosen["layer_types"])})
