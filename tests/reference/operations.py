"""The operations of gpt-oss, each as plain as its formula, in float64.

Sources: openai/gpt-oss (Apache-2.0) for the graph; Peng et al. 2023, "YaRN", for the frequencies;
Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks", for the idea of sinks.
Arrays are token-major: [tokens, heads, head_dim] and [tokens, hidden].
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .config import HEAD_DIM, Config
from .formats import Float64

Indices = npt.NDArray[np.int64]
ExpertWeights = Callable[[int], Float64]
"""Gives the [rows, columns] matrix of one expert."""

ATTENTION_SCALE = HEAD_DIM**-0.5
SWIGLU_ALPHA = 1.702


def rms_norm(x: Float64, weight: Float64, eps: float) -> Float64:
    """[..., hidden] over the root of its mean square, times the weight [hidden]."""
    scaled: Float64 = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight
    return scaled


def linear(x: Float64, weight: Float64, bias: Float64 | None = None) -> Float64:
    """[tokens, columns] times the transpose of [rows, columns], plus the bias [rows]."""
    product: Float64 = x @ weight.T
    return product if bias is None else product + bias


def yarn_range(config: Config) -> tuple[float, float]:
    """Dimensions at which the frequencies start and stop being interpolated.

    gpt-oss leaves them unrounded (``truncate: false``): 8.0928 and 17.3980 for its parameters.
    """

    def dimension(rotations: float) -> float:
        wavelength = config.rope_original_context / (rotations * 2 * math.pi)
        return HEAD_DIM * math.log(wavelength) / (2 * math.log(config.rope_theta))

    low, high = dimension(config.rope_beta_fast), dimension(config.rope_beta_slow)
    if config.rope_truncate:
        low, high = math.floor(low), math.ceil(high)
    return max(low, 0), min(high, HEAD_DIM - 1)


def rope_frequencies(config: Config) -> Float64:
    """Radians per position for each of the 32 rotated pairs."""
    plain: Float64 = config.rope_theta ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    if config.rope_factor <= 1:
        return plain
    low, high = yarn_range(config)
    interpolated = np.clip((np.arange(HEAD_DIM // 2) - low) / (high - low), 0, 1)
    mixed: Float64 = plain * (1 - interpolated) + plain / config.rope_factor * interpolated
    return mixed


def rope_concentration(config: Config) -> float:
    """The factor on both cosine and sine, by which YaRN sharpens attention."""
    return 0.1 * math.log(config.rope_factor) + 1 if config.rope_factor > 1 else 1.0


def rope(x: Float64, positions: Indices, config: Config) -> Float64:
    """Rotate [tokens, heads, 64] by its positions [tokens]; pair i is (x[i], x[i + 32])."""
    angles = positions[:, None, None] * rope_frequencies(config)
    cosine = np.cos(angles) * rope_concentration(config)
    sine = np.sin(angles) * rope_concentration(config)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def attention(
    queries: Float64,
    keys: Float64,
    values: Float64,
    sinks: Float64,
    window: int | None,
    *,
    first_query: int = 0,
    block: int = 256,
) -> Float64:
    """Causal attention of queries [n, Q, 64] over keys and values [m, KV, 64], with sinks [Q].

    Query i stands at position first_query + i and key j at position j. It sees the keys at its own
    position and before; with a window, only the last `window` of these. The sink of a head is one
    more logit in the denominator of its softmax, with no value. Query heads share key heads in
    order: Q / KV consecutive ones each. Computed `block` queries at a time to bound the memory.

    Returns:
        [n, Q, 64]
    """
    n, heads, _ = queries.shape
    kv_heads = keys.shape[1]
    grouped = queries.reshape(n, kv_heads, heads // kv_heads, HEAD_DIM)
    sink = sinks.reshape(kv_heads, heads // kv_heads, 1, 1)
    result = np.empty_like(grouped)
    for start in range(0, n, block):
        stop = min(start + block, n)
        position = first_query + np.arange(start, stop)[:, None]
        low = 0 if window is None else max(0, first_query + start - window + 1)
        high = first_query + stop
        seen = np.arange(low, high)[None, :] <= position
        if window is not None:
            seen &= np.arange(low, high)[None, :] > position - window
        k = keys[low:high].transpose(1, 2, 0)[:, None]  # [KV, 1, 64, m]
        v = values[low:high].transpose(1, 0, 2)[:, None]  # [KV, 1, m, 64]
        q = grouped[start:stop].transpose(1, 2, 0, 3)  # [KV, Q / KV, block, 64]
        scores = np.where(seen, q @ k * ATTENTION_SCALE, -np.inf)
        highest = np.maximum(scores.max(axis=-1, keepdims=True), sink)
        weights = np.exp(scores - highest)
        denominator = weights.sum(axis=-1, keepdims=True) + np.exp(sink - highest)
        result[start:stop] = (weights / denominator @ v).transpose(2, 0, 1, 3)
    return result.reshape(n, heads, HEAD_DIM)


def route(router_logits: Float64, top_k: int) -> tuple[Indices, Float64]:
    """The best experts of each token, best first, and their softmax among themselves.

    Returns:
        indices [tokens, top_k] (the lower one first among equals), weights [tokens, top_k]
    """
    indices = np.argsort(-router_logits, axis=-1, kind="stable")[:, :top_k]
    chosen = np.take_along_axis(router_logits, indices, axis=-1)
    weights = np.exp(chosen - chosen.max(axis=-1, keepdims=True))
    return indices, weights / weights.sum(axis=-1, keepdims=True)


def swiglu(gate_up: Float64, limit: float) -> Float64:
    """[..., 2 * intermediate] with gate at even and up at odd places -> [..., intermediate]."""
    gate = np.minimum(gate_up[..., 0::2], limit)
    up = np.clip(gate_up[..., 1::2], -limit, limit)
    with np.errstate(over="ignore"):  # the quotient is then rightly 0
        activated: Float64 = gate / (1 + np.exp(-SWIGLU_ALPHA * gate)) * (up + 1)
    return activated


def moe(
    x: Float64,
    router_logits: Float64,
    top_k: int,
    gate_up: ExpertWeights,
    gate_up_bias: Float64,
    down: ExpertWeights,
    down_bias: Float64,
    limit: float,
) -> Float64:
    """Mixture of experts on x [tokens, hidden]: the weighted sum of each token's best experts.

    Args:
        router_logits: [tokens, experts]
        gate_up, down: expert -> [2 * intermediate, hidden] and [hidden, intermediate]
        gate_up_bias, down_bias: [experts, 2 * intermediate] and [experts, hidden]
    """
    indices, weights = route(router_logits, top_k)
    result = np.zeros_like(x)
    for expert in np.unique(indices):
        token, choice = np.nonzero(indices == expert)
        inner = swiglu(linear(x[token], gate_up(expert), gate_up_bias[expert]), limit)
        outer = linear(inner, down(expert), down_bias[expert])
        result[token] += weights[token, choice, None] * outer
    return result
