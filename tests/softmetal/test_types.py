"""Scalars, vectors and conversions: half and bfloat to the bit, subnormals, as_type, math."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.softmetal.harness import msl

SOURCE = msl("""
kernel void apply(device const FROM* x [[buffer(0)]], device TO* y [[buffer(1)]],
                  uint i [[thread_position_in_grid]]) {
  FROM value = x[i];
  y[i] = EXPRESSION;
}
""")
SAMPLES = np.array(
    [0.0, -0.0, 1.0, -1.5, 2.0**-14, 2.0**-15, 2.0**-24, 2.0**-25, 65504.0, 65519.9, 65520.0,
     1e-40, 2.0**-149, 3.0**0.5, 1e30, np.inf, -np.inf],
    dtype=np.float32,
)  # fmt: skip


def apply(metal: ModuleType, expression: str, x: np.ndarray, types: tuple[str, str],
          dtype: type) -> np.ndarray:  # fmt: skip
    """The expression for each element; x is padded to whole simdgroups."""
    count = len(x)
    groups = (count + 31) // 32
    padded = np.zeros((groups * 32, *x.shape[1:]), x.dtype)
    padded[:count] = x
    y = np.zeros(groups * 32, dtype)
    source = SOURCE.replace("FROM", types[0]).replace("TO", types[1])
    source = source.replace("EXPRESSION", expression)
    dispatch = ("dispatch", "apply", {0: padded, 1: y}, {}, (groups, 1, 1), (32, 1, 1))
    assert metal.run(source, [dispatch]) == [""]
    return y[:count]


def test_every_half_becomes_its_float(metal: ModuleType) -> None:
    """All 65536 patterns; subnormals are kept, as Apple's GPUs do for half."""
    bits = np.arange(1 << 16, dtype=np.uint16)
    expected = bits.view(np.float16).astype(np.float32)
    found = apply(metal, "float(as_type<half>(value))", bits, ("ushort", "float"), np.float32)
    assert np.array_equal(found, expected, equal_nan=True)
    assert np.array_equal(np.signbit(found), np.signbit(expected))


def test_float_to_half_rounds_to_even(metal: ModuleType) -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([SAMPLES, (rng.standard_normal(4000) * 2.0 ** rng.integers(-26, 16, 4000))])
    x = x.astype(np.float32)
    with np.errstate(over="ignore"):
        expected = x.astype(np.float16).view(np.uint16)
    found = apply(metal, "as_type<ushort>(half(value))", x, ("float", "ushort"), np.uint16)
    assert np.array_equal(found, expected)


def test_bfloat(metal: ModuleType) -> None:
    """Widening is exact; narrowing rounds to nearest, ties to even."""
    bits = np.arange(0, 1 << 16, 7, dtype=np.uint16)
    expected = (bits.astype(np.uint32) << 16).view(np.float32)
    found = apply(metal, "float(as_type<bfloat>(value))", bits, ("ushort", "float"), np.float32)
    assert np.array_equal(found, expected, equal_nan=True)
    x = np.random.default_rng(2).standard_normal(4000).astype(np.float32)
    word = x.view(np.uint32)
    rounded = (word + 0x7FFF + (word >> 16 & 1)) >> 16
    found = apply(metal, "as_type<ushort>(bfloat(value))", x, ("float", "ushort"), np.uint16)
    assert np.array_equal(found, rounded.astype(np.uint16))


def test_float_subnormals_are_kept(metal: ModuleType) -> None:
    """2^-127, the smallest MXFP4 scale, is a subnormal float."""
    bits = np.array([0x00400000, 1, 0x00800000], np.uint32)
    found = apply(metal, "as_type<float>(value) * 2.0f", bits, ("uint", "float"), np.float32)
    assert np.array_equal(found, bits.view(np.float32) * 2)
    assert found[0] == np.float32(2.0**-126)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("as_type<uint>(value)", lambda x: x.view(np.uint32)),
        ("as_type<ushort2>(value).y", lambda x: x.view(np.uint32) >> 16),
        ("as_type<uchar4>(value).z", lambda x: x.view(np.uint32) >> 16 & 255),
    ],
)
def test_as_type(metal: ModuleType, expression: str, expected: object) -> None:
    assert callable(expected)
    found = apply(metal, expression, SAMPLES, ("float", "uint"), np.uint32)
    assert np.array_equal(found, expected(SAMPLES))


MATH = {
    "exp(value)": np.exp,
    "precise::exp(value)": np.exp,
    "log(value)": np.log,
    "sqrt(value)": np.sqrt,
    "rsqrt(value)": lambda x: 1 / np.sqrt(x),
    "sin(value)": np.sin,
    "cos(value)": np.cos,
    "tanh(value)": np.tanh,
    "floor(value)": np.floor,
    "ceil(value)": np.ceil,
    "trunc(value)": np.trunc,
    "rint(value)": np.rint,
    "abs(value)": np.abs,
    "fma(value, value, 1.0f)": lambda x: x * x + 1,
    "min(value, 2.0f)": lambda x: np.minimum(x, 2),
    "max(value, 2.0f)": lambda x: np.maximum(x, 2),
    "clamp(value, 1.0f, 3.0f)": lambda x: np.clip(x, 1, 3),
    "select(value, 7.0f, value > 2.0f)": lambda x: np.where(x > 2, 7, x),
    "pow(value, 2.5f)": lambda x: x**2.5,
    "exp2(value)": np.exp2,
    "log2(value)": np.log2,
}


@pytest.mark.parametrize("expression", MATH)
def test_math(metal: ModuleType, expression: str) -> None:
    x = np.random.default_rng(3).uniform(0.1, 8, 256).astype(np.float32)
    found = apply(metal, expression, x, ("float", "float"), np.float32)
    assert np.allclose(found, MATH[expression](x.astype(np.float64)), rtol=1e-6, atol=1e-7)


INTEGERS = {
    "popcount(value)": lambda x: np.array([int(v).bit_count() for v in x]),
    "clz(value)": lambda x: np.array([32 - int(v).bit_length() for v in x]),
    "ctz(value)": lambda x: np.array([(int(v) & -int(v)).bit_length() - 1 for v in x]),
    "mulhi(value, 0x9e3779b9u)": lambda x: x.astype(np.uint64) * 0x9E3779B9 >> 32,
    "extract_bits(value, 5u, 7u)": lambda x: x >> 5 & 127,
    "rotate(value, 9u)": lambda x: (x << 9 | x >> 23) & 0xFFFFFFFF,
    "min(value, 1000u)": lambda x: np.minimum(x, 1000),
}


@pytest.mark.parametrize("expression", INTEGERS)
def test_integers(metal: ModuleType, expression: str) -> None:
    x = np.random.default_rng(4).integers(1, 1 << 32, 256, dtype=np.uint64).astype(np.uint32)
    found = apply(metal, expression, x, ("uint", "uint"), np.uint32)
    assert np.array_equal(found, INTEGERS[expression](x).astype(np.uint32))


VECTORS = {
    "dot(value, float4{1, 2, 3, 4})": lambda x: x @ np.array([1, 2, 3, 4]),
    "value.wzyx.x": lambda x: x[:, 3],
    "length(value)": lambda x: np.sqrt((x * x).sum(1)),
    "(value * float4(2)).y": lambda x: 2 * x[:, 1],
    "float4(value.xy, value.xy).z": lambda x: x[:, 0],
    "float2{float(half2{half(value.x), half(value.y)}.y), 0}.x": (
        lambda x: x[:, 1].astype(np.float16)
    ),
}


@pytest.mark.parametrize("expression", VECTORS)
def test_vectors(metal: ModuleType, expression: str) -> None:
    x = np.random.default_rng(5).uniform(-4, 4, (64, 4)).astype(np.float32)
    found = apply(metal, expression, x, ("float4", "float"), np.float32)
    assert np.allclose(found, VECTORS[expression](x), rtol=1e-6, atol=1e-6)


def test_float4_loads_are_aligned(metal: ModuleType) -> None:
    """Vectors have Metal's sizes: float3 takes 16 bytes, packed_float3 takes 12."""
    source = msl("""
kernel void sizes(device uint* y [[buffer(0)]]) {
  y[0] = sizeof(float3);
  y[1] = sizeof(packed_float3);
  y[2] = alignof(float4);
  y[3] = sizeof(half4);
  y[4] = sizeof(long);
}
""")
    y = np.zeros(5, np.uint32)
    metal.run(source, [("dispatch", "sizes", {0: y}, {}, (1, 1, 1), (1, 1, 1))])
    assert y.tolist() == [16, 12, 16, 8, 8]
