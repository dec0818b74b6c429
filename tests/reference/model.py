"""gpt-oss from tokens to logits, in float64: the specification in code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from . import operations as op
from .config import HEAD_DIM
from .formats import Float64, Tokens
from .weights import Weights, open_weights

Observer = Callable[[str, Float64], None]
"""Is shown intermediate values by name, such as ``layers.0.router`` [tokens, experts]."""


def logits(
    source: Path | Weights,
    tokens: Tokens,
    *,
    positions: Sequence[int] | None = None,
    observe: Observer = lambda name, value: None,
) -> Float64:
    """Logits that follow each of the tokens.

    Args:
        source: a checkpoint directory, a converted model file, or opened weights.
        tokens: the sequence, from position 0.
        positions: where logits are wanted; everywhere unless given.
        observe: is called with each intermediate value.

    Returns:
        [tokens or positions, vocab]
    """
    weights = open_weights(source) if isinstance(source, Path) else source
    x = weights.dense("embedding")[np.asarray(tokens)]
    for layer in range(weights.config.num_hidden_layers):
        x = x + _attention(weights, layer, x, observe)
        observe(f"layers.{layer}.attention", x)
        x = x + _experts(weights, layer, x, observe)
        observe(f"layers.{layer}.experts", x)
    if positions is not None:
        x = x[list(positions)]
    x = op.rms_norm(x, weights.dense("final_norm"), weights.config.rms_norm_eps)
    return op.linear(x, weights.dense("unembedding"))


def _attention(weights: Weights, layer: int, x: Float64, observe: Observer) -> Float64:
    config, name = weights.config, f"layers.{layer}"
    q_rows = config.num_attention_heads * HEAD_DIM
    kv_rows = config.num_key_value_heads * HEAD_DIM
    x = op.rms_norm(x, weights.dense(f"{name}.attn_norm"), config.rms_norm_eps)
    qkv = op.linear(x, weights.dense(f"{name}.qkv"), weights.dense(f"{name}.qkv.bias"))
    queries, keys, values = (
        part.reshape(len(x), -1, HEAD_DIM)
        for part in np.split(qkv, [q_rows, q_rows + kv_rows], axis=1)
    )
    positions = np.arange(len(x))
    queries = op.rope(queries, positions, config)
    keys = op.rope(keys, positions, config)
    observe(f"{name}.queries", queries)
    observe(f"{name}.keys", keys)
    sinks = weights.dense(f"{name}.sinks")
    mixed = op.attention(queries, keys, values, sinks, config.window(layer))
    observe(f"{name}.mixed", mixed)
    out, bias = weights.dense(f"{name}.out"), weights.dense(f"{name}.out.bias")
    return op.linear(mixed.reshape(len(x), q_rows), out, bias)


def _experts(weights: Weights, layer: int, x: Float64, observe: Observer) -> Float64:
    config, name = weights.config, f"layers.{layer}"
    x = op.rms_norm(x, weights.dense(f"{name}.mlp_norm"), config.rms_norm_eps)
    router = op.linear(x, weights.dense(f"{name}.router"), weights.dense(f"{name}.router.bias"))
    observe(f"{name}.router", router)
    return op.moe(
        x,
        router,
        config.num_experts_per_tok,
        lambda expert: weights.expert(layer, "gate_up", expert),
        weights.dense(f"{name}.gate_up.bias"),
        lambda expert: weights.expert(layer, "down", expert),
        weights.dense(f"{name}.down.bias"),
        config.swiglu_limit,
    )
