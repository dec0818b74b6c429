"""What a token must read at least, as context and batch grow."""

from __future__ import annotations

from benchmarks.peers.shapes import KV_BYTES, MXFP4_BYTES, layer_weights, seen
from gptoss_metal.config import Config


def behind(config: Config, weights: int, depth: int) -> float:
    """Bytes that a token behind ``depth`` others reads: the weights that it meets, and the cache.

    Args:
        weights: bytes of them, as `Model.bytes_per_token` counts.
    """
    row = 2 * config.num_key_value_heads * config.head_dim * KV_BYTES
    return weights + seen(config, depth) * row


def distinct_experts(config: Config, batch: int) -> float:
    """How many experts of a layer so many tokens are expected to meet, routed at random."""
    experts, chosen = config.num_local_experts, config.num_experts_per_tok
    return float(experts * (1 - (1 - chosen / experts) ** batch))


def together(config: Config, weights: int, batch: int) -> float:
    """Bytes per token of so many sequences at once, if every weight is read once for all."""
    experts = config.num_hidden_layers * layer_weights(config)[1] * MXFP4_BYTES
    times = distinct_experts(config, batch) / config.num_experts_per_tok
    return (weights - experts + experts * times) / batch
