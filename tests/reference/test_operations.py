"""The reference's operations against definitions and other implementations of each."""

from __future__ import annotations

import math
from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest
import torch

from tests.reference import operations as op
from tests.reference.config import Config
from tests.reference.formats import bf16_decode, bf16_encode, mxfp4_decode, q8_decode

PUBLISHED = Config(
    num_hidden_layers=24,
    num_local_experts=32,
    num_experts_per_tok=4,
    hidden_size=2880,
    intermediate_size=2880,
    vocab_size=201088,
    num_attention_heads=64,
    num_key_value_heads=8,
    sliding_window=128,
    layer_types=("sliding_attention", "full_attention") * 12,
    max_position_embeddings=131072,
    rope_theta=150000.0,
    rope_factor=32.0,
    rope_original_context=4096,
    rope_beta_fast=32.0,
    rope_beta_slow=1.0,
    rope_truncate=False,
    rms_norm_eps=1e-5,
    swiglu_limit=7.0,
)


@pytest.fixture
def random() -> np.random.Generator:
    """Seeded numbers."""
    return np.random.default_rng(1)


def test_mxfp4_is_that_of_mlx(random: np.random.Generator) -> None:
    blocks = random.integers(0, 256, (5, 3, 16), dtype=np.uint8)
    scales = random.integers(100, 150, (5, 3), dtype=np.uint8)
    words = mx.array(blocks.reshape(5, -1).view(np.uint32))
    theirs = mx.dequantize(words, mx.array(scales), group_size=32, bits=4, mode="mxfp4")
    np.testing.assert_array_equal(
        mxfp4_decode(blocks, scales), np.array(theirs.astype(mx.float32), dtype=np.float64)
    )


def test_mxfp4_at_the_ends_of_its_scale() -> None:
    blocks = np.full((3, 1, 16), 0x7F, dtype=np.uint8)  # the lower nibble -6, the upper one 6
    values = mxfp4_decode(blocks, np.array([[0], [254], [255]], dtype=np.uint8))
    np.testing.assert_array_equal(values[0], np.tile([-6 * 2.0**-127, 6 * 2.0**-127], 16))
    np.testing.assert_array_equal(values[1], np.tile([-6 * 2.0**127, 6 * 2.0**127], 16))
    assert np.isnan(values[2]).all()


def test_q8_by_definition(random: np.random.Generator) -> None:
    quants = random.integers(-127, 128, (4, 96), dtype=np.int8)
    scales = random.random((4, 3)).astype(np.float16)
    values = q8_decode(quants, scales)
    for row in range(4):
        for column in range(96):
            expected = int(quants[row, column]) * float(scales[row, column // 32])
            assert values[row, column] == expected


def test_bf16_is_that_of_torch(random: np.random.Generator) -> None:
    values = np.concatenate([random.standard_normal(1000) * 10, [0, -0.0, 1e-39, 3e38]])
    values = values.astype(np.float32)
    theirs = torch.from_numpy(values).bfloat16()
    np.testing.assert_array_equal(bf16_encode(values), theirs.view(torch.uint16).numpy())
    np.testing.assert_array_equal(bf16_decode(bf16_encode(values)), theirs.double().numpy())


def test_yarn_range_is_not_rounded() -> None:
    low, high = op.yarn_range(PUBLISHED)
    assert low == pytest.approx(8.0928, abs=5e-5)
    assert high == pytest.approx(17.3980, abs=5e-5)
    assert op.yarn_range(replace(PUBLISHED, rope_truncate=True)) == (8, 18)


def test_rope_frequencies_keep_the_fast_and_divide_the_slow() -> None:
    frequencies = op.rope_frequencies(PUBLISHED)
    plain = op.rope_frequencies(replace(PUBLISHED, rope_factor=1.0))
    np.testing.assert_allclose(plain, 150000.0 ** (-np.arange(32) / 32), rtol=1e-14)
    np.testing.assert_allclose(frequencies[:9], plain[:9], rtol=1e-15)
    np.testing.assert_allclose(frequencies[18:], plain[18:] / 32, rtol=1e-15)
    between = frequencies[9:18] / plain[9:18]
    assert (np.diff(between) < 0).all()
    assert (between < 1).all()
    assert (between > 1 / 32).all()


def test_concentration() -> None:
    assert op.rope_concentration(PUBLISHED) == pytest.approx(1.3465735902799727, rel=1e-15)
    assert op.rope_concentration(replace(PUBLISHED, rope_factor=1.0)) == 1.0


def test_rope_by_complex_numbers(random: np.random.Generator) -> None:
    x = random.standard_normal((6, 3, 64))
    positions = np.array([0, 1, 2, 100, 5000, 131071])
    turned = (x[..., :32] + 1j * x[..., 32:]) * np.exp(
        1j * positions[:, None, None] * op.rope_frequencies(PUBLISHED)
    )
    turned *= 1.3465735902799727
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    np.testing.assert_allclose(op.rope(x, positions, PUBLISHED), expected, atol=1e-12)


@pytest.mark.parametrize("window", [None, 1, 7, 40, 100])
@pytest.mark.parametrize("block", [1, 13, 256])
def test_attention_by_definition(
    random: np.random.Generator, window: int | None, block: int
) -> None:
    first, n, heads, kv_heads = 10, 30, 6, 2
    queries = random.standard_normal((n, heads, 64)) * 3
    keys, values = random.standard_normal((2, first + n, kv_heads, 64))
    sinks = random.standard_normal(heads) * 3
    found = op.attention(queries, keys, values, sinks, window, first_query=first, block=block)
    for query in range(n):
        end = first + query + 1
        begin = 0 if window is None else max(0, end - window)
        for head in range(heads):
            scores = [
                float(queries[query, head] @ keys[j, head // 3]) / 8 for j in range(begin, end)
            ]
            weights = np.exp(scores)
            expected = weights @ values[begin:end, head // 3]
            expected /= weights.sum() + math.exp(sinks[head])
            np.testing.assert_allclose(found[query, head], expected, rtol=1e-10, atol=1e-12)


def test_route_prefers_the_lower_of_equal_experts() -> None:
    logits = np.array([[1.0, 3.0, 2.0, 3.0, 2.0]])
    indices, weights = op.route(logits, 3)
    np.testing.assert_array_equal(indices, [[1, 3, 2]])
    np.testing.assert_allclose(weights[0] * (2 + math.exp(-1)), [1, 1, math.exp(-1)])


def test_swiglu_clamps_the_gate_above_and_the_other_on_both_sides() -> None:
    def plain(gate: float, up: float) -> float:
        return gate / (1 + math.exp(-1.702 * gate)) * (up + 1)

    pairs = np.array([[9.0, 9.0, -9.0, -9.0, 7.0, -7.0, 0.5, -1.0, 2.0, 0.0]])
    expected = [plain(7, 7), plain(-9, -7), plain(7, -7), plain(0.5, -1), plain(2, 0)]
    np.testing.assert_allclose(op.swiglu(pairs, 7.0)[0], expected, rtol=1e-14)


def test_moe_by_definition(random: np.random.Generator) -> None:
    x, router = random.standard_normal((9, 32)), random.standard_normal((9, 5))
    gate_up, down = random.standard_normal((5, 12, 32)), random.standard_normal((5, 32, 6))
    gate_up_bias, down_bias = random.standard_normal((5, 12)), random.standard_normal((5, 32))
    found = op.moe(
        x, router, 2, gate_up.__getitem__, gate_up_bias, down.__getitem__, down_bias, 7.0
    )
    indices, weights = op.route(router, 2)
    for token in range(9):
        expected = np.zeros(32)
        for expert, weight in zip(indices[token], weights[token], strict=True):
            inner = op.swiglu(gate_up[expert] @ x[token] + gate_up_bias[expert], 7.0)
            expected += weight * (down[expert] @ inner + down_bias[expert])
        np.testing.assert_allclose(found[token], expected, rtol=1e-12, atol=1e-12)


def test_rms_norm_is_that_of_torch(random: np.random.Generator) -> None:
    x, weight = random.standard_normal((4, 96)) * 100, random.standard_normal(96)
    theirs = torch.nn.functional.rms_norm(
        torch.from_numpy(x), (96,), torch.from_numpy(weight), eps=1e-5
    )
    np.testing.assert_allclose(op.rms_norm(x, weight, 1e-5), theirs.numpy(), rtol=1e-13)
