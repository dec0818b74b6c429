"""Missing barriers between dispatches, and missing fences between encoders."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.softmetal.harness import lines_of, msl, only_finding, parties

SOURCE = msl("""
kernel void double_(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  y[i] = 2 * x[i];  // @double
}
kernel void increase(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                     uint i [[thread_position_in_grid]]) {
  y[i] = x[i] + 1;  // @increase
}
kernel void tally(device atomic_uint* total [[buffer(0)]]) {
  atomic_fetch_add_explicit(total, 1u, memory_order_relaxed);  // @tally
}
""")
MARKS = lines_of(SOURCE)
COUNT = 64


def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, and room for two results."""
    zeros = np.zeros(COUNT, np.float32)
    return np.arange(COUNT, dtype=np.float32), zeros, zeros.copy()


def step(kernel: str, x: Any, y: Any, count: int = COUNT) -> tuple[Any, ...]:
    return ("dispatch", kernel, {0: x, 1: y}, {}, (count // 32, 1, 1), (32, 1, 1))


@pytest.mark.parametrize("between", [[("barrier",)], [("fence",)], []])
def test_read_after_write(checked: ModuleType, between: list[tuple[str]]) -> None:
    x, y, z = arrays()
    checked.run(SOURCE, [step("double_", x, y), *between, step("increase", y, z)])
    assert np.array_equal(z, 2 * x + 1)
    if between:
        return
    finding = only_finding(checked, "missing-barrier", "increase")
    assert parties(finding) == {MARKS["double"], MARKS["increase"]}
    assert "`double_`" in finding["second"]
    assert "memoryBarrier" in finding["text"]
    assert "reads byte 0 of argument `x` (buffer 0, " in finding["text"]
    assert "thread (0, 0, 0) of group (0, 0, 0)" in finding["first"]
    assert "thread (0, 0, 0) of group (0, 0, 0)" in finding["second"]


@pytest.mark.parametrize("between", [[("barrier",)], []])
def test_write_after_read(checked: ModuleType, between: list[tuple[str]]) -> None:
    x, y, z = arrays()
    checked.run(SOURCE, [step("double_", x, y), *between, step("increase", z, x)])
    if not between:
        finding = only_finding(checked, "missing-barrier", "increase")
        assert parties(finding) == {MARKS["double"], MARKS["increase"]}
        assert "writes byte 0" in finding["text"]
        assert "reads it" in finding["text"]


@pytest.mark.parametrize("between", [[("barrier",)], []])
def test_write_after_write(checked: ModuleType, between: list[tuple[str]]) -> None:
    x, y, z = arrays()
    checked.run(SOURCE, [step("double_", x, y), *between, step("increase", z, y)])
    if not between:
        finding = only_finding(checked, "missing-barrier", "increase")
        assert parties(finding) == {MARKS["double"], MARKS["increase"]}
        assert "writes byte 0" in finding["text"]
        assert "writes it" in finding["text"]


def test_an_ignored_barrier(checked: ModuleType) -> None:
    """The planted fault that tests of whole programs use."""
    x, y, z = arrays()
    checked.set_fault("ignore_barrier", 0)
    checked.run(SOURCE, [step("double_", x, y), ("barrier",), step("increase", y, z)])
    only_finding(checked, "missing-barrier", "increase")
    assert checked.passes("ignore_barrier") == 1


def test_only_shared_bytes_count(checked: ModuleType) -> None:
    """Halves of one buffer are independent; one common element is not."""
    x, y, z = arrays()
    half = COUNT // 2
    checked.run(SOURCE, [step("double_", x, y, half), step("increase", (y, 4 * half), z, half)])
    assert checked.take_findings() == []
    checked.run(SOURCE, [step("double_", x, y, half), step("increase", (y, 4 * half - 4), z, half)])
    finding = only_finding(checked, "missing-barrier", "increase")
    assert f"byte {4 * half - 4} of" in finding["text"]
    assert "thread (0, 0, 0) of group (0, 0, 0)" in finding["first"]


def test_reads_and_atomics_need_no_barrier(checked: ModuleType) -> None:
    x, y, z = arrays()
    total = np.zeros(1, np.uint32)
    tally = ("dispatch", "tally", {0: total}, {}, (2, 1, 1), (32, 1, 1))
    checked.run(SOURCE, [step("double_", x, y), step("increase", x, z), tally, tally])
    assert total[0] == 128


def test_an_ordinary_encoder_is_ordered(checked: ModuleType) -> None:
    x, y, z = arrays()
    checked.run(SOURCE, [step("double_", x, y), step("increase", y, z)], concurrent=False)
    assert np.array_equal(z, 2 * x + 1)


@pytest.mark.parametrize("between", ["encoder", "command_buffer"])
def test_encoders_without_a_fence(checked: ModuleType, between: str) -> None:
    """Untracked buffers: the order of encoders, and of command buffers, orders nothing."""
    x, y, z = arrays()
    checked.run(SOURCE, [step("double_", x, y), (between,), step("increase", y, z)])
    finding = only_finding(checked, "missing-fence", "increase")
    assert parties(finding) == {MARKS["double"], MARKS["increase"]}
    assert "`double_`" in finding["second"]
    assert "waitForFence" in finding["text"]


def test_an_ignored_fence(checked: ModuleType) -> None:
    x, y, z = arrays()
    checked.set_fault("ignore_fence_wait", 0)
    checked.run(SOURCE, [step("double_", x, y), ("fence",), step("increase", y, z)])
    only_finding(checked, "missing-fence", "increase")


@pytest.mark.parametrize("between", ["encoder", "command_buffer"])
def test_tracked_buffers_are_ordered_by_metal(checked: ModuleType, between: str) -> None:
    x, y, z = arrays()
    checked.run(SOURCE, [step("double_", x, y), (between,), step("increase", y, z)], tracked=True)
    assert np.array_equal(z, 2 * x + 1)


def test_tracked_buffers_inside_a_concurrent_encoder(checked: ModuleType) -> None:
    """There, tracking does not replace the barrier."""
    x, y, z = arrays()
    checked.run(SOURCE, [step("double_", x, y), step("increase", y, z)], tracked=True)
    only_finding(checked, "missing-barrier", "increase")


def test_fences_order_what_came_before_them_too(checked: ModuleType) -> None:
    """Three encoders in a chain of fences: the third may read what the first wrote."""
    x, y, z = arrays()
    w = np.zeros(COUNT, np.float32)
    commands = [step("double_", x, y), ("fence",), step("increase", x, z), ("fence",),
                step("increase", y, w)]  # fmt: skip
    checked.run(SOURCE, commands)
    assert np.array_equal(w, 2 * x + 1)


def test_the_ledger_counts_bytes(checked: ModuleType) -> None:
    x, y, _ = arrays()
    checked.run(SOURCE, [step("double_", x, y), ("barrier",), step("double_", x, y)])
    ledger = checked.ledger()
    entry = ledger["kernels"]["double_"]
    assert entry["dispatches"] == 2
    assert entry["threadgroups"] == 4
    assert entry["bytes_read"] == entry["bytes_written"] == 2 * x.nbytes
    assert entry["unique_read"] == entry["unique_written"] == 2 * x.nbytes
    assert ledger["encoder_barriers"] == 1
    assert ledger["command_buffers"] == 1


def test_unique_bytes_count_once(checked: ModuleType) -> None:
    source = msl("""
kernel void same(device const float4* x [[buffer(0)]], device float* y [[buffer(1)]],
                 uint i [[thread_position_in_grid]]) {
  float4 v = x[0];
  y[i] = v.x + v.y + v.z + v.w;
}
""")
    x, y = np.ones(4, np.float32), np.zeros(64, np.float32)
    checked.run(source, [("dispatch", "same", {0: x, 1: y}, {}, (2, 1, 1), (32, 1, 1))])
    entry = checked.ledger()["kernels"]["same"]
    assert np.all(y == 4)
    assert entry["bytes_read"] == 64 * 16
    assert entry["unique_read"] == 16
    assert entry["bytes_written"] == entry["unique_written"] == 256
