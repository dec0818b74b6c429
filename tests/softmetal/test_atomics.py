"""Relaxed atomics on device and threadgroup memory, from many groups on several processors."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.softmetal.harness import msl

SOURCE = msl("""
kernel void update(device const TYPE* x [[buffer(0)]], device atomic<TYPE>* y [[buffer(1)]],
                   uint i [[thread_position_in_grid]]) {
  atomic_fetch_NAME_explicit(y, x[i], memory_order_relaxed);
}
""")
COUNT = 1024


@pytest.mark.parametrize("mode", ["fast", "checked"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("add", lambda x: x.sum()),
        ("sub", lambda x: 0 - x.sum()),
        ("max", lambda x: x.max()),
        ("or", np.bitwise_or.reduce),
        ("xor", np.bitwise_xor.reduce),
        ("and", lambda x: 0),
        ("min", lambda x: 0),
    ],
)
@pytest.mark.parametrize(("type_", "dtype"), [("uint", np.uint32), ("int", np.int32)])
def test_integers(
    metal: ModuleType, name: str, expected: object, mode: str, type_: str, dtype: type
) -> None:
    assert callable(expected)
    metal.set_mode(mode)
    metal.set_threads(2)
    x = np.random.default_rng(1).integers(0, 1 << 20, COUNT).astype(dtype)
    y = np.zeros(1, dtype)
    source = SOURCE.replace("NAME", name).replace("TYPE", type_)
    metal.run(source, [("dispatch", "update", {0: x, 1: y}, {}, (8, 1, 1), (128, 1, 1))])
    assert y[0] == np.asarray(expected(x.astype(np.int64))).astype(dtype)


def test_floats(metal: ModuleType) -> None:
    metal.set_threads(2)
    x = np.random.default_rng(2).integers(0, 100, COUNT).astype(np.float32)
    y = np.zeros(1, np.float32)
    source = SOURCE.replace("NAME", "add").replace("TYPE", "float")
    metal.run(source, [("dispatch", "update", {0: x, 1: y}, {}, (8, 1, 1), (128, 1, 1))])
    assert y[0] == x.sum()


def test_histogram_in_threadgroup_memory(checked: ModuleType) -> None:
    """Atomic stores, additions and loads, with the barriers that plain memory would need."""
    source = msl("""
kernel void histogram(device const uint* x [[buffer(0)]], device atomic_uint* y [[buffer(1)]],
                      threadgroup atomic_uint* bins [[threadgroup(0)]],
                      uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  if (t < 16) atomic_store_explicit(bins + t, 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(bins + x[i] % 16, 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 16) {
    uint count = atomic_load_explicit(bins + t, memory_order_relaxed);
    atomic_fetch_add_explicit(y + t, count, memory_order_relaxed);
  }
}
""")
    x = np.random.default_rng(3).integers(0, 1000, COUNT).astype(np.uint32)
    y = np.zeros(16, np.uint32)
    checked.run(source, [("dispatch", "histogram", {0: x, 1: y}, {0: 64}, (8, 1, 1), (128, 1, 1))])
    assert np.array_equal(y, np.bincount(x % 16, minlength=16))


def test_exchange_and_compare(metal: ModuleType) -> None:
    """Each thread takes a ticket once; a loop of compare-exchange adds without losing any."""
    source = msl("""
kernel void tickets(device atomic_uint* y [[buffer(0)]], device uint* old [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  old[i] = atomic_exchange_explicit(y, i + 1, memory_order_relaxed);
  uint expected = atomic_load_explicit(y + 1, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(y + 1, &expected, expected + 2,
                                                memory_order_relaxed, memory_order_relaxed)) {
  }
}
""")
    metal.set_threads(2)
    y, old = np.zeros(2, np.uint32), np.zeros(COUNT, np.uint32)
    metal.run(source, [("dispatch", "tickets", {0: y, 1: old}, {}, (8, 1, 1), (128, 1, 1))])
    assert sorted([*old.tolist(), int(y[0])]) == list(range(COUNT + 1))
    assert y[1] == 2 * COUNT
