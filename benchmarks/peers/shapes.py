"""The shapes that are measured, and what one token of each costs."""

from __future__ import annotations

from typing import Final

from gptoss_metal.config import Config
from gptoss_metal.convert import SHAPES as FULL
from gptoss_metal.convert import shape

SHAPES: Final[dict[str, Config]] = {
    "tiny": shape(num_hidden_layers=2, num_local_experts=8, hidden_size=256, vocab_size=2048),
    "small": shape(num_hidden_layers=2, vocab_size=20000),
    **FULL,
}
"""``tiny`` is for trying the tool out, ``small`` has layers of real width."""

MXFP4_BYTES: Final = 17 / 32
"""Per weight: 32 nibbles and a scale byte, in every program's format."""
Q8_BYTES: Final = 34 / 32
"""Per weight: 32 int8 and a float16 scale, likewise."""
KV_BYTES: Final = 2
"""Of one number in the cache: float16."""


def layer_weights(config: Config) -> tuple[int, int]:
    """Weights of one layer that one token meets: (dense, in experts)."""
    hidden, heads = config.hidden_size, config.num_attention_heads * config.head_dim
    kv = 2 * config.num_key_value_heads * config.head_dim
    experts = 3 * hidden * config.intermediate_size * config.num_experts_per_tok
    return hidden * (heads + kv) + heads * hidden, experts


def seen(config: Config, depth: int) -> int:
    """Positions that one token at ``depth`` attends to, summed over the layers."""
    return sum(
        min(depth, config.sliding_window) if kind == "sliding_attention" else depth
        for kind in config.layer_types
    )


def bytes_per_token(config: Config, depth: int) -> float:
    """What decoding one token behind ``depth`` others must read at least: weights and cache.

    Matrices in q8 and MXFP4 and the cache in float16; biases, norms and the router are left out
    (0.3 %), so that the figure is the same for every program with these formats.
    """
    dense, experts = layer_weights(config)
    layers = config.num_hidden_layers * (dense * Q8_BYTES + experts * MXFP4_BYTES)
    cache = seen(config, depth) * 2 * config.num_key_value_heads * config.head_dim * KV_BYTES
    return layers + config.vocab_size * config.hidden_size * Q8_BYTES + cache


def operations_per_token(config: Config, tokens: int) -> float:
    """Additions and multiplications per token of a prefill of so many: matrices and attention.

    The unembedding counts once for the whole prompt: only its last row is wanted.
    """
    dense, experts = layer_weights(config)
    matrices = config.num_hidden_layers * (dense + experts)
    unembedding = config.vocab_size * config.hidden_size / tokens
    positions = sum(seen(config, depth) for depth in range(1, tokens + 1)) / tokens
    attention = 2 * positions * config.num_attention_heads * config.head_dim
    return 2 * (matrices + unembedding + attention)
