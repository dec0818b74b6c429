"""Out-of-bounds, uninitialised and non-resident accesses: planted, found, and absent when right."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.softmetal.harness import lines_of, msl, only_finding, parties

COPY = msl("""
kernel void copy(constant uint& count [[buffer(0)]], device const float* x [[buffer(1)]],
                 device float* y [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  if (i OPERATOR count) {
    float value = x[i];  // @load
    y[i] = value;  // @store
  }
}
""")


@pytest.mark.parametrize("operator", ["<", "<="])
def test_one_element_past_a_buffer(checked: ModuleType, operator: str) -> None:
    """`<=` reads and writes one float too many; the results before it stay right."""
    source = COPY.replace("OPERATOR", operator)
    count = 63
    x = np.arange(count, dtype=np.float32)
    y = np.zeros_like(x)
    bindings = {0: np.uint32(count).tobytes(), 1: x, 2: y}
    assert checked.run(source, [("dispatch", "copy", bindings, {}, (2, 1, 1), (32, 1, 1))]) == [""]
    assert np.array_equal(y, x)
    if operator == "<":
        return
    load, store = checked.take_findings()
    for finding, line, verb in ((load, "load", "reads"), (store, "store", "writes")):
        assert finding["kind"] == "out-of-bounds"
        assert finding["kernel"] == "copy"
        assert parties(finding) == {lines_of(source)[line]}
        assert "thread (31, 0, 0) of group (1, 0, 0)" in finding["first"]
        assert f"{verb} 4 bytes" in finding["text"]
        assert "byte 252" in finding["text"]
    assert "argument `x` (buffer 1, " in load["second"]
    assert "argument `y` (buffer 2, " in store["second"]


@pytest.mark.parametrize("first", [0, -1])
def test_one_element_before_a_binding(checked: ModuleType, first: int) -> None:
    """What lies before the offset of a binding is out of bounds although the buffer has it."""
    source = msl(f"""
kernel void peek(device const float* x [[buffer(0)]], device float* y [[buffer(1)]]) {{
  y[0] = x[{first}];  // @load
}}
""")
    x = np.arange(8, dtype=np.float32)
    y = np.zeros(1, np.float32)
    checked.run(source, [("dispatch", "peek", {0: (x, 16), 1: y}, {}, (1, 1, 1), (1, 1, 1))])
    if first == 0:
        assert y[0] == 4
        return
    finding = only_finding(checked, "out-of-bounds", "peek")
    assert parties(finding) == {lines_of(source)["load"]}
    assert "4 bytes before its begin" in finding["text"]


def test_a_wild_address_does_not_crash(checked: ModuleType) -> None:
    """An access that no buffer is near ends the dispatch; the next one runs."""
    source = msl("""
kernel void wild(device const float* x [[buffer(0)]], device float* y [[buffer(1)]]) {
  y[0] = x[1ul << 44];  // @load
  y[1] = 1;
}
""")
    x = np.ones(4, np.float32)
    y = np.zeros(4, np.float32)
    dispatch = ("dispatch", "wild", {0: x, 1: y}, {}, (1, 1, 1), (1, 1, 1))
    checked.run(source, [dispatch])
    finding = only_finding(checked, "out-of-bounds", "wild")
    assert parties(finding) == {lines_of(source)["load"]}
    assert y.tolist() == [0, 0, 0, 0]
    right = source.replace("1ul << 44", "3")
    assert checked.run(right, [dispatch]) == [""]
    assert y.tolist() == [1, 1, 0, 0]


TILES = msl("""
kernel void reverse(device float* y [[buffer(0)]], threadgroup float* first [[threadgroup(0)]],
                    threadgroup float* second [[threadgroup(1)]],
                    uint i [[thread_index_in_threadgroup]]) {
  first[i] = float(i);
  second[i] = 100 + float(i);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = first[INDEX];  // @load
}
""")


@pytest.mark.parametrize("index", ["31 - i", "32 - i"])
def test_one_element_past_a_threadgroup_array(checked: ModuleType, index: str) -> None:
    """The overrun is noticed although another threadgroup array follows."""
    source = TILES.replace("INDEX", index)
    y = np.zeros(32, np.float32)
    memory = {0: 128, 1: 128}
    checked.run(source, [("dispatch", "reverse", {0: y}, memory, (1, 1, 1), (32, 1, 1))])
    if index == "31 - i":
        assert np.array_equal(y, np.arange(31, -1, -1, dtype=np.float32))
        return
    finding = only_finding(checked, "out-of-bounds", "reverse")
    assert parties(finding) == {lines_of(source)["load"]}
    assert "thread (0, 0, 0) of group (0, 0, 0)" in finding["first"]
    assert finding["second"] == "argument `first` (threadgroup 0)"
    assert "byte 128" in finding["text"]


@pytest.mark.parametrize("written", [32, 31])
def test_uninitialised_threadgroup_memory(checked: ModuleType, written: int) -> None:
    """Memory of an earlier group does not count as written."""
    source = msl(f"""
kernel void rotate_(device float* y [[buffer(0)]], threadgroup float* tile [[threadgroup(0)]],
                    uint i [[thread_index_in_threadgroup]],
                    uint group [[threadgroup_position_in_grid]]) {{
  if (i < {written} || group == 0) tile[i] = 1;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[group * 32 + i] = tile[(i + 1) % 32];  // @load
}}
""")
    y = np.zeros(64, np.float32)
    checked.run(source, [("dispatch", "rotate_", {0: y}, {0: 128}, (2, 1, 1), (32, 1, 1))])
    if written == 32:
        assert np.all(y == 1)
        return
    finding = only_finding(checked, "uninitialised", "rotate_")
    assert parties(finding) == {lines_of(source)["load"]}
    assert "thread (30, 0, 0) of group (1, 0, 0)" in finding["first"]
    assert "byte 124 of argument `tile` (threadgroup 0)" in finding["text"]


BINDLESS = msl("""
struct Page {
  device float* data;
};
kernel void fill(device const Page* pages [[buffer(0)]], uint page [[threadgroup_position_in_grid]],
                 uint i [[thread_index_in_threadgroup]]) {
  pages[page].data[i] = float(page * 32 + i);  // @store
}
""")


@pytest.mark.parametrize("resident", [True, False])
def test_buffers_behind_addresses_must_be_resident(checked: ModuleType, resident: bool) -> None:
    pages = [np.zeros(32, np.float32) for _ in range(2)]
    dispatch = ("dispatch", "fill", {0: pages}, {}, (2, 1, 1), (32, 1, 1))
    checked.run(BINDLESS, [dispatch], resident=resident)
    assert np.array_equal(np.concatenate(pages), np.arange(64, dtype=np.float32))
    if resident:
        return
    findings = checked.take_findings()
    assert {finding["kind"] for finding in findings} == {"not-resident"}
    assert {finding["kernel"] for finding in findings} == {"fill"}
    assert parties(findings[0]) == {lines_of(BINDLESS)["store"]}
    assert "useResource" in findings[0]["text"]


def test_bounds_behind_addresses(checked: ModuleType) -> None:
    pages = [np.zeros(32, np.float32), np.zeros(31, np.float32)]
    dispatch = ("dispatch", "fill", {0: pages}, {}, (2, 1, 1), (32, 1, 1))
    checked.run(BINDLESS, [dispatch])
    finding = only_finding(checked, "out-of-bounds", "fill")
    assert parties(finding) == {lines_of(BINDLESS)["store"]}
    assert "thread (31, 0, 0) of group (1, 0, 0)" in finding["first"]
    assert "byte 124" in finding["text"]


@pytest.mark.parametrize("const", ["const ", ""])
def test_writes_to_what_is_bound_for_reading(checked: ModuleType, const: str) -> None:
    """A cast can remove `const`; the write is noticed all the same."""
    source = msl(f"""
kernel void mend(device {const}float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) {{
  ((device float*)x)[i] = 1;  // @store
}}
""")
    x = np.zeros(32, np.float32)
    checked.run(source, [("dispatch", "mend", {0: x}, {}, (1, 1, 1), (32, 1, 1))])
    assert np.all(x == 1)
    if const:
        finding = only_finding(checked, "read-only-write", "mend")
        assert parties(finding) == {lines_of(source)["store"]}
        assert "argument `x` (buffer 0" in finding["second"]
