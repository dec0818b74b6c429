"""Misuse of the API, planted and found; and faults on demand."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.softmetal.harness import Finding, lines_of, msl

SOURCE = msl("""
kernel void sum4(device const float4* x [[buffer(0)]],  // @sum4
                 device float* y [[buffer(1)]],
                 threadgroup float* tile [[threadgroup(0)]],
                 uint i [[thread_index_in_threadgroup]]) {
  tile[i] = x[i].x + x[i].y + x[i].z + x[i].w;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[i];
}
""")
PLACE = f"`sum4` (program_source:{lines_of(SOURCE)['sum4']})"
"""What findings call the kernel."""


def sum4(
    x: Any, y: Any, memory: int = 128, groups: int = 1, threads: int = 32
) -> list[tuple[Any, ...]]:
    return [("dispatch", "sum4", {0: x, 1: y}, {0: memory}, (groups, 1, 1), (threads, 1, 1))]


@pytest.fixture
def x() -> np.ndarray:
    return np.arange(256, dtype=np.float32)


@pytest.fixture
def y() -> np.ndarray:
    return np.zeros(64, np.float32)


def refused(metal: ModuleType, commands: list[Any], kind: str, kernel: str) -> Finding:
    """The command buffer fails as under Metal's validation layer, and one finding says why."""
    (error,) = metal.run(SOURCE, commands)
    assert error
    (finding,) = metal.take_findings()
    assert finding["kind"] == kind
    assert finding["kernel"] == kernel
    found: Finding = finding
    return found


@pytest.mark.parametrize("mode", ["fast", "checked"])
def test_the_clean_twin(metal: ModuleType, x: np.ndarray, y: np.ndarray, mode: str) -> None:
    """What the planted faults below change in one place is right by itself."""
    metal.set_mode(mode)
    assert metal.run(SOURCE, sum4((x, 16), y)) == [""]
    assert np.array_equal(y[:32], x[4:132].reshape(32, 4).sum(1))


def test_misaligned_offset(metal: ModuleType, x: np.ndarray, y: np.ndarray) -> None:
    """float4 must lie on 16 bytes."""
    finding = refused(metal, sum4((x, 8), y), "misaligned-offset", "sum4")
    assert "'x' at index 0" in finding["text"]
    assert "offset 8" in finding["text"]
    assert PLACE in finding["first"]
    assert finding["second"] == "buffer 'array 0'"


@pytest.mark.parametrize("memory", [32784, 100])
def test_threadgroup_memory(metal: ModuleType, x: np.ndarray, y: np.ndarray, memory: int) -> None:
    """More than 32 KiB, and a length that is not a multiple of 16."""
    (error,) = metal.run(SOURCE, sum4(x, y, memory=memory))
    findings = metal.take_findings()
    assert error
    assert {finding["kind"] for finding in findings} == {"threadgroup-memory"}
    assert str(memory) in findings[0]["text"]
    assert {finding["kernel"] for finding in findings} == {"sum4"}
    assert all(PLACE in finding["first"] for finding in findings)
    assert findings[0]["second"] == "the device's limit"


def test_too_many_threads(metal: ModuleType, x: np.ndarray, y: np.ndarray) -> None:
    finding = refused(metal, sum4(x, y, threads=1025), "api", "sum4")
    assert "1024" in finding["text"]


def test_an_empty_grid(metal: ModuleType, x: np.ndarray, y: np.ndarray) -> None:
    refused(metal, sum4(x, y, groups=0), "api", "sum4")


def test_a_forgotten_buffer(metal: ModuleType, y: np.ndarray) -> None:
    commands = [("dispatch", "sum4", {1: y}, {0: 128}, (1, 1, 1), (32, 1, 1))]
    finding = refused(metal, commands, "api", "sum4")
    assert "'x' at index 0 has no buffer" in finding["text"]


def test_an_offset_past_the_end(metal: ModuleType, x: np.ndarray, y: np.ndarray) -> None:
    (error,) = metal.run(SOURCE, sum4((x, 1024), y))
    findings = metal.take_findings()
    assert error
    assert {finding["kind"] for finding in findings} == {"api"}
    assert "1024" in findings[0]["text"]


@pytest.mark.parametrize("mode", ["fast", "checked"])
def test_use_after_release(metal: ModuleType, x: np.ndarray, y: np.ndarray, mode: str) -> None:
    """Command buffers with unretained references: the program must keep its buffers."""
    metal.set_mode(mode)
    (error,) = metal.run(SOURCE, [*sum4(x, y), ("release", x)])
    findings = metal.take_findings()
    assert error
    assert {finding["kind"] for finding in findings} == {"use-after-release"}
    assert any("array 0" in finding["text"] for finding in findings)
    assert [(f["kernel"], f["second"]) for f in findings] == [("sum4", "buffer 'array 0'")]
    assert PLACE in findings[0]["first"]


def test_buffers_longer_than_the_device_allows(
    metal: ModuleType, x: np.ndarray, y: np.ndarray
) -> None:
    metal.set_device(max_buffer_length=1023)
    with pytest.raises(RuntimeError, match="no buffer"):
        metal.run(SOURCE, sum4(x, y))
    (finding,) = metal.take_findings()
    assert finding["kind"] == "api"
    assert "maxBufferLength" in finding["text"]


def test_compile_errors_name_the_line(metal: ModuleType) -> None:
    source = msl("""
kernel void broken(device float* y [[buffer(0)]]) {
  y[0] = nothing;  // @here
}
""")
    with pytest.raises(RuntimeError, match=f"program_source:{lines_of(source)['here']}.*nothing"):
        metal.run(source, [])


def test_an_unknown_kernel(metal: ModuleType) -> None:
    with pytest.raises(RuntimeError):
        metal.run(SOURCE, [("dispatch", "sum5", {}, {}, (1, 1, 1), (1, 1, 1))])


def test_lint_sees_address_spaces(metal: ModuleType) -> None:
    """Mixing address spaces is an error in Metal, and clang says so when it is asked."""
    source = msl("""
kernel void mixed(device float* y [[buffer(0)]], threadgroup float* tile [[threadgroup(0)]]) {
  LINE
}
""")
    assert metal.lint(source.replace("LINE", "threadgroup float* p = tile; p[0] = y[0];")) == ""
    said = metal.lint(source.replace("LINE", "threadgroup float* p = y;"))
    assert "'threadgroup float *' with an lvalue of type 'device float *'" in said


FAILURES = {
    "buffer_allocation": "no buffer",
    "compile": "planted fault",
    "pipeline": "internal error",
    "no_device": "there is no device",
}


@pytest.mark.parametrize("fault", FAILURES)
def test_creation_fails_on_demand(
    metal: ModuleType, fault: str, x: np.ndarray, y: np.ndarray
) -> None:
    """The n-th creation fails with an error, and the next run works."""
    metal.set_fault(fault, 0)
    with pytest.raises(RuntimeError, match=FAILURES[fault]):
        metal.run(SOURCE, sum4(x, y))
    metal.clear_faults()
    metal.take_findings()
    assert metal.run(SOURCE, sum4(x, y)) == [""]
    assert metal.passes(fault) == 0 or fault in metal.FAULTS


def test_the_nth_command_buffer_fails(metal: ModuleType, x: np.ndarray, y: np.ndarray) -> None:
    """With Apple's words for running out of memory; the ones around it complete."""
    out_of_memory = 8
    metal.set_fault("command_buffer_error", 1, out_of_memory)
    commands = [*sum4(x, y), ("command_buffer",)] * 2 + sum4(x, y)
    errors = metal.run(SOURCE, commands, tracked=True)
    assert errors[0] == errors[2] == ""
    assert "Insufficient Memory" in errors[1]
    assert metal.passes("command_buffer_error") == 3


def test_a_lost_device_stays_lost(metal: ModuleType, x: np.ndarray, y: np.ndarray) -> None:
    metal.set_fault("device_lost", 1)
    commands = [*sum4(x, y), ("command_buffer",)] * 2 + sum4(x, y)
    errors = metal.run(SOURCE, commands, tracked=True)
    assert errors[0] == ""
    assert all("removed" in error for error in errors[1:])


def test_nothing_leaks(metal: ModuleType, x: np.ndarray, y: np.ndarray) -> None:
    """Runs, failed ones included, leave no objects behind."""
    metal.run(SOURCE, sum4(x, y))
    before = metal.live_objects()
    for fault in (None, "buffer_allocation", "compile", "pipeline", "command_buffer_error"):
        if fault:
            metal.set_fault(fault, 0, 8)
        try:
            metal.run(SOURCE, sum4(x, y))
        except RuntimeError:
            assert fault
        metal.clear_faults()
    assert metal.live_objects() == before
    metal.take_findings()
