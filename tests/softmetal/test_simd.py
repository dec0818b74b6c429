"""Simdgroup functions against NumPy, on whole and partial simdgroups."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.softmetal.harness import msl

THREADS = [32, 64, 40, 1]
"""Threads of the group: one and two simdgroups, a partial one, a single lane."""

SOURCE = msl("""
kernel void apply(device const TYPE* x [[buffer(0)]], device RESULT* y [[buffer(1)]],
                  uint i [[thread_index_in_threadgroup]],
                  uint lane [[thread_index_in_simdgroup]]) {
  TYPE value = x[i];
  y[i] = EXPRESSION;
}
""")


def apply(
    metal: ModuleType,
    expression: str,
    x: np.ndarray,
    type_: str,
    result: str | None = None,
    dtype: type | None = None,
) -> np.ndarray:
    """The expression of every thread's `value`."""
    source = SOURCE.replace("TYPE", type_).replace("RESULT", result or type_)
    y = np.zeros(x.shape, dtype or x.dtype)
    metal.run(
        source.replace("EXPRESSION", expression),
        [("dispatch", "apply", {0: x, 1: y}, {}, (1, 1, 1), (len(x), 1, 1))],
    )
    return y


def simdgroups(x: np.ndarray) -> list[np.ndarray]:
    return [x[begin : begin + 32] for begin in range(0, len(x), 32)]


def per_simdgroup(x: np.ndarray, function: object) -> np.ndarray:
    assert callable(function)
    return np.concatenate([np.broadcast_to(function(part), len(part)) for part in simdgroups(x)])


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(
    ("name", "function"),
    [("sum", np.sum), ("max", np.max), ("min", np.min), ("product", np.prod)],
)
def test_float_reductions(metal: ModuleType, name: str, function: object, threads: int) -> None:
    x = np.random.default_rng(1).uniform(0.5, 1.5, threads).astype(np.float32)
    found = apply(metal, f"simd_{name}(value)", x, "float")
    assert np.allclose(found, per_simdgroup(x, function), rtol=1e-5)
    for part in simdgroups(found):
        assert np.all(part == part[0])


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("sum", np.add.reduce),
        ("max", np.max),
        ("min", np.min),
        ("and", np.bitwise_and.reduce),
        ("or", np.bitwise_or.reduce),
        ("xor", np.bitwise_xor.reduce),
    ],
)
@pytest.mark.parametrize(("type_", "dtype"), [("uint", np.uint32), ("int", np.int32)])
def test_integer_reductions(
    metal: ModuleType, name: str, function: object, threads: int, type_: str, dtype: type
) -> None:
    x = np.random.default_rng(2).integers(0, 1 << 24, threads).astype(dtype)
    found = apply(metal, f"simd_{name}(value)", x, type_)
    assert np.array_equal(found, per_simdgroup(x, function).astype(dtype))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("inclusive", [True, False])
def test_prefix_sums(metal: ModuleType, threads: int, inclusive: bool) -> None:
    x = np.random.default_rng(3).integers(0, 1000, threads).astype(np.uint32)
    kind = "inclusive" if inclusive else "exclusive"
    found = apply(metal, f"simd_prefix_{kind}_sum(value)", x, "uint")
    sums = [np.cumsum(part) - (0 if inclusive else part) for part in simdgroups(x)]
    assert np.array_equal(found, np.concatenate(sums))


@pytest.mark.parametrize("type_", ["float", "uint", "half", "float4"])
def test_shuffles(metal: ModuleType, type_: str) -> None:
    """Every lane's value from another lane, for scalars and vectors."""
    dtype = {"float": np.float32, "uint": np.uint32, "half": np.float16, "float4": np.float32}
    x = np.random.default_rng(4).integers(0, 1000, (64, 4)).astype(dtype[type_])
    if type_ != "float4":
        x = np.ascontiguousarray(x[:, 0])
    index = np.arange(64)
    lane, base = index % 32, index // 32 * 32
    for expression, source in (
        ("simd_shuffle(value, (lane * 7) % 32)", lane * 7 % 32),
        ("simd_shuffle_xor(value, 5)", lane ^ 5),
        ("simd_broadcast(value, 9)", np.full(64, 9)),
        ("simd_broadcast_first(value)", np.zeros(64, int)),
        ("simd_shuffle_rotate_down(value, 3)", (lane + 3) % 32),
        ("simd_shuffle_rotate_up(value, 3)", (lane + 29) % 32),
    ):
        assert np.array_equal(apply(metal, expression, x, type_), x[base + source]), expression


def test_shuffles_past_the_end(metal: ModuleType) -> None:
    """Up and down: the lanes that have a source get it; the others are undefined in Metal."""
    x = np.arange(32, dtype=np.uint32)
    down = apply(metal, "simd_shuffle_down(value, 4)", x, "uint")
    up = apply(metal, "simd_shuffle_up(value, 4)", x, "uint")
    assert np.array_equal(down[:28], x[4:])
    assert np.array_equal(up[4:], x[:28])


@pytest.mark.parametrize("threads", THREADS)
def test_votes(metal: ModuleType, threads: int) -> None:
    x = np.random.default_rng(5).integers(0, 2, threads).astype(np.uint32)
    bits = per_simdgroup(x, lambda part: int(np.sum(part.astype(np.uint64) << np.arange(len(part), dtype=np.uint64))))  # noqa: E501  # fmt: skip
    ballot = "uint(static_cast<simd_vote::vote_t>(simd_ballot(value == 1)))"
    assert np.array_equal(apply(metal, ballot, x, "uint"), bits)
    for name, function in (("any", np.any), ("all", np.all)):
        found = apply(metal, f"simd_{name}(value == 1) ? 1 : 0", x, "uint")
        assert np.array_equal(found, per_simdgroup(x, function).astype(np.uint32))
    first = apply(metal, "simd_is_first() ? 1 : 0", x, "uint")
    assert np.array_equal(first, (np.arange(threads) % 32 == 0).astype(np.uint32))


def test_quads(metal: ModuleType) -> None:
    x = np.random.default_rng(6).integers(0, 1000, 32).astype(np.float32)
    quads = x.reshape(8, 4)
    assert np.array_equal(apply(metal, "quad_sum(value)", x, "float"), quads.sum(1).repeat(4))
    assert np.array_equal(apply(metal, "quad_max(value)", x, "float"), quads.max(1).repeat(4))
    broadcast = apply(metal, "quad_broadcast(value, 2)", x, "float")
    assert np.array_equal(broadcast, quads[:, 2].repeat(4))


def test_a_divergent_collective(checked: ModuleType) -> None:
    """Lanes that do not take part are an error, not a wrong sum."""
    source = msl("""
kernel void some(device float* y [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {
  if (i < 16) y[i] = simd_sum(1.0f);  // @sum
}
""")
    y = np.zeros(32, np.float32)
    checked.run(source, [("dispatch", "some", {0: y}, {}, (1, 1, 1), (32, 1, 1))])
    (finding,) = checked.take_findings()
    assert finding["kind"] == "divergence"
    assert finding["kernel"] == "some"
