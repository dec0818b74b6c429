"""Races inside and between threadgroups, wrong fence flags, divergence: planted and absent."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.softmetal.harness import lines_of, msl, only_finding, only_race, parties

MIRROR = msl("""
kernel void mirror(device float* y [[buffer(0)]], threadgroup float* tile [[threadgroup(0)]],
                   uint i [[thread_index_in_threadgroup]]) {
  tile[i] = float(i);  // @write
  BARRIER
  y[i] = tile[63 - i];  // @read
}
""")


@pytest.mark.parametrize(
    ("barrier", "clean"),
    [
        ("threadgroup_barrier(mem_flags::mem_threadgroup);", True),
        ("threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);", True),
        ("threadgroup_barrier(mem_flags::mem_device);", False),
        ("threadgroup_barrier(mem_flags::mem_none);", False),
        ("simdgroup_barrier(mem_flags::mem_threadgroup);", False),
    ],
)
def test_threadgroup_memory_needs_its_flag(checked: ModuleType, barrier: str, clean: bool) -> None:
    """Threads 0-31 read what 32-63 write: another simdgroup, so only the first two barriers do."""
    source = MIRROR.replace("BARRIER", barrier)
    y = np.zeros(64, np.float32)
    checked.run(source, [("dispatch", "mirror", {0: y}, {0: 256}, (1, 1, 1), (64, 1, 1))])
    if clean:
        assert np.array_equal(y, np.arange(63, -1, -1, dtype=np.float32))
        return
    finding = only_race(checked, "mirror")
    assert parties(finding) == {lines_of(source)["write"], lines_of(source)["read"]}
    assert "argument `tile` (threadgroup 0)" in finding["text"]
    assert "thread" in finding["first"]
    assert "thread" in finding["second"]
    assert "mem_threadgroup" in finding["text"]


def test_a_removed_threadgroup_barrier(checked: ModuleType) -> None:
    """Found in every order of threads, also when the values happen to be right."""
    source = MIRROR.replace("BARRIER", "")
    marks = lines_of(source)
    for order, seed in (("forward", 0), ("reverse", 0), ("seeded", 1)):
        checked.set_order(order, seed)
        y = np.zeros(64, np.float32)
        checked.run(source, [("dispatch", "mirror", {0: y}, {0: 256}, (1, 1, 1), (64, 1, 1))])
        assert parties(only_race(checked, "mirror")) == {marks["write"], marks["read"]}


DEVICE = msl("""
kernel void swap(device float* y [[buffer(0)]], device float* z [[buffer(1)]],
                 uint i [[thread_index_in_threadgroup]]) {
  y[i] = float(i);  // @write
  threadgroup_barrier(mem_flags::FLAG);
  z[i] = y[63 - i];  // @read
}
""")


@pytest.mark.parametrize("flag", ["mem_device", "mem_threadgroup"])
def test_device_memory_needs_its_flag(checked: ModuleType, flag: str) -> None:
    source = DEVICE.replace("FLAG", flag)
    y, z = np.zeros(64, np.float32), np.zeros(64, np.float32)
    checked.run(source, [("dispatch", "swap", {0: y, 1: z}, {}, (1, 1, 1), (64, 1, 1))])
    if flag == "mem_device":
        assert np.array_equal(z, np.arange(63, -1, -1, dtype=np.float32))
        return
    finding = only_finding(checked, "race", "swap")
    assert parties(finding) == {lines_of(source)["write"], lines_of(source)["read"]}
    assert "mem_device" in finding["text"]
    assert "argument `y` (buffer 0" in finding["text"]


@pytest.mark.parametrize("barrier", ["simdgroup_barrier(mem_flags::mem_threadgroup);", ""])
def test_a_removed_simdgroup_barrier(checked: ModuleType, barrier: str) -> None:
    """Lanes are not in lock-step: memory that they share needs the barrier."""
    source = msl(f"""
kernel void neighbours(device float* y [[buffer(0)]], threadgroup float* tile [[threadgroup(0)]],
                       uint i [[thread_index_in_threadgroup]]) {{
  tile[i] = float(i);  // @write
  {barrier}
  y[i] = tile[i ^ 1];  // @read
}}
""")
    y = np.zeros(64, np.float32)
    checked.run(source, [("dispatch", "neighbours", {0: y}, {0: 256}, (1, 1, 1), (64, 1, 1))])
    if barrier:
        assert np.array_equal(y, np.arange(64) ^ 1)
        return
    finding = only_race(checked, "neighbours")
    assert parties(finding) == {lines_of(source)["write"], lines_of(source)["read"]}
    assert "simdgroup_barrier" in finding["text"]


COUNT = msl("""
kernel void count(device TYPE* total [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {
  if (i == 0) {
    UPDATE;  // @update
  }
}
""")


@pytest.mark.parametrize(
    ("type_", "update"),
    [
        ("atomic_uint", "atomic_fetch_add_explicit(total, 1u, memory_order_relaxed)"),
        ("uint", "total[0] = total[0] + 1"),
    ],
)
def test_races_between_threadgroups(checked: ModuleType, type_: str, update: str) -> None:
    source = COUNT.replace("TYPE", type_).replace("UPDATE", update)
    total = np.zeros(1, np.uint32)
    checked.run(source, [("dispatch", "count", {0: total}, {}, (4, 1, 1), (32, 1, 1))])
    assert total[0] == 4
    if type_ == "atomic_uint":
        return
    findings = checked.take_findings()
    assert {finding["kind"] for finding in findings} == {"race"}
    for finding in findings:
        assert parties(finding) == {lines_of(source)["update"]}
        assert "of group (0, 0, 0)" in finding["second"]
        assert "of group (1, 0, 0)" in finding["first"]


def test_equal_values_race_as_well(checked: ModuleType) -> None:
    """Two plain writes of the same bytes are a race, too: Metal does not define them."""
    source = msl("""
kernel void flag(device uint* found [[buffer(0)]]) {
  found[0] = 1;  // @write
}
""")
    found = np.zeros(1, np.uint32)
    checked.run(source, [("dispatch", "flag", {0: found}, {}, (1, 1, 1), (2, 1, 1))])
    finding = only_finding(checked, "race", "flag")
    assert parties(finding) == {lines_of(source)["write"]}
    assert "thread (1, 0, 0)" in finding["first"]
    assert "thread (0, 0, 0)" in finding["second"]


def test_neighbouring_bytes_do_not_race(checked: ModuleType) -> None:
    """The detector's cells are as fine as the accesses."""
    source = msl("""
kernel void bytes(device uchar* y [[buffer(0)]], device half* z [[buffer(1)]],
                  uint i [[thread_position_in_grid]]) {
  y[i] = uchar(i);
  z[i] = half(i);
}
""")
    y, z = np.zeros(64, np.uint8), np.zeros(64, np.float16)
    checked.run(source, [("dispatch", "bytes", {0: y, 1: z}, {}, (2, 1, 1), (32, 1, 1))])
    assert np.array_equal(y, np.arange(64))
    assert np.array_equal(z, np.arange(64))


DIVERGENT = msl("""
kernel void fork(device float* y [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {
  if (i < LIMIT) {
    threadgroup_barrier(mem_flags::mem_device);  // @one
  } else {
    threadgroup_barrier(mem_flags::mem_device);  // @other
  }
  y[i] = 1;
}
""")


@pytest.mark.parametrize("limit", [64, 40])
def test_a_divergent_barrier(checked: ModuleType, limit: int) -> None:
    source = DIVERGENT.replace("LIMIT", str(limit))
    y = np.zeros(64, np.float32)
    checked.run(source, [("dispatch", "fork", {0: y}, {}, (1, 1, 1), (64, 1, 1))])
    if limit == 64:
        assert np.all(y == 1)
        return
    finding = only_finding(checked, "divergence", "fork")
    marks = lines_of(source)
    assert f":{marks['one']}" in finding["text"]
    assert f":{marks['other']}" in finding["text"]


@pytest.mark.parametrize("early", [False, True])
def test_an_early_return_before_a_barrier(checked: ModuleType, early: bool) -> None:
    leave = "if (i >= 48) return;" if early else ""
    source = msl(f"""
kernel void leave(device float* y [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {{
  {leave}
  threadgroup_barrier(mem_flags::mem_device);  // @barrier
  y[i] = 1;
}}
""")
    y = np.zeros(64, np.float32)
    checked.run(source, [("dispatch", "leave", {0: y}, {}, (1, 1, 1), (64, 1, 1))])
    if early:
        finding = only_finding(checked, "divergence", "leave")
        assert f":{lines_of(source)['barrier']}" in finding["text"]


def test_divergence_is_an_error_in_fast_mode(metal: ModuleType) -> None:
    """A fast dispatch cannot go on after it, so its command buffer fails."""
    y = np.zeros(64, np.float32)
    source = DIVERGENT.replace("LIMIT", "40")
    (error,) = metal.run(source, [("dispatch", "fork", {0: y}, {}, (1, 1, 1), (64, 1, 1))])
    assert error
    assert {finding["kind"] for finding in metal.take_findings()} == {"divergence"}
