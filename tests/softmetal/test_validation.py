"""What command buffers do as a whole: order, counts, planted failures at every point, no leaks."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.softmetal.harness import msl, only_finding, texts

SOURCE = msl("""
struct Args { uint count; float addend; };

[[max_total_threads_per_threadgroup(64)]]
kernel void add(constant Args& args [[buffer(0)]],
                device float* values [[buffer(1)]],
                uint i [[thread_position_in_grid]]) {
  if (i < args.count) values[i] += args.addend;
}

kernel void mirror(device float* values [[buffer(0)]],
                   threadgroup float* shared [[threadgroup(0)]],
                   uint i [[thread_index_in_threadgroup]]) {
  shared[i] = values[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  values[i] = shared[31 - i];
}
""")
COUNT = 64
ADD = np.array([COUNT], np.uint32).tobytes() + np.array([1.0], np.float32).tobytes()

Command = tuple[Any, ...]


def values() -> npt.NDArray[np.float32]:
    return np.zeros(COUNT, np.float32)


def add(array: object, threads: int = 64, args: bytes = ADD) -> Command:
    return ("dispatch", "add", {0: args, 1: array}, {}, (1, 1, 1), (threads, 1, 1))


def mirror(array: object, memory: int) -> Command:
    return ("dispatch", "mirror", {0: array}, {0: memory}, (1, 1, 1), (32, 1, 1))


def test_commands_run_in_order(metal: ModuleType) -> None:
    array = values()
    commands = [add(array), ("barrier",), add(array), ("fence",), add(array), ("command_buffer",)]
    assert metal.run(SOURCE, [*commands, add(array)]) == ["", ""]
    assert (array == 4).all()
    ledger = metal.ledger()
    assert ledger["kernels"]["add"]["dispatches"] == 4
    assert ledger["encoder_barriers"] == 1
    assert ledger["command_buffers"] == 2


REFUSED = {
    "threads beyond the kernel's own limit": ("api", "add", add(values(), threads=96)),
    "arguments shorter than the struct": ("api", "add", add(values(), args=ADD[:4])),
    "arguments longer than 4096 bytes": ("api", "", add(values(), args=bytes(4097))),
    "no threadgroup memory": ("threadgroup-memory", "mirror", mirror(values(), 0)),
    "threadgroup memory not in sixteens": ("threadgroup-memory", "mirror", mirror(values(), 136)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_call_is_refused(metal: ModuleType, name: str) -> None:
    """The call is a finding, the dispatch does not run, and the command buffer fails."""
    kind, kernel, command = REFUSED[name]
    assert metal.run(SOURCE, [command]) != [""]
    findings = metal.take_findings()
    assert (findings[0]["kind"], findings[0]["kernel"]) == (kind, kernel), texts(findings)
    assert metal.ledger()["kernels"] == {}


def test_equal_findings_are_counted(metal: ModuleType) -> None:
    array = values()
    metal.run(SOURCE, [add((array, 2)), add((array, 2)), add((array, 2))])
    assert only_finding(metal, "misaligned-offset", "add")["count"] == 3


def test_a_smaller_threadgroup_memory(metal: ModuleType) -> None:
    metal.set_device(max_threadgroup_memory=112)
    metal.run(SOURCE, [mirror(values(), 128)])
    assert {finding["kind"] for finding in metal.take_findings()} == {"threadgroup-memory"}


@pytest.mark.parametrize("code", [0, 2, 8, 11])
def test_a_failing_command_buffer(metal: ModuleType, code: int) -> None:
    """Only the n-th one fails, and it does not run."""
    array = values()
    metal.set_fault("command_buffer_error", 1, code)
    errors = metal.run(SOURCE, [add(array), *[("command_buffer",), add(array)] * 2])
    assert [error != "" for error in errors] == [False, True, False]
    assert (array == 2).all()
    assert metal.passes("command_buffer_error") == 3


@pytest.mark.parametrize("fault", ["object_allocation", "buffer_allocation", "compile", "pipeline"])
def test_every_failing_allocation(metal: ModuleType, fault: str) -> None:
    """Each point fails once; what was made before it is released."""
    commands = [add(values()), ("encoder",), mirror(values(), 128)]
    metal.run(SOURCE, commands)
    count = metal.passes(fault)
    assert count >= {"object_allocation": 9, "buffer_allocation": 2}.get(fault, 1)
    failed = 0
    for n in range(count):
        metal.set_fault(fault, n)
        try:
            metal.run(SOURCE, commands)
        except RuntimeError:
            failed += 1
        metal.clear_faults()
        assert metal.live_objects() == {}, n
    assert failed >= count - 1  # the runner does without its fence


@pytest.mark.parametrize(
    ("fast", "math"), [(False, "safe, functions precise"), (True, "fast, functions fast")]
)
def test_the_ledger_knows_how_libraries_were_compiled(
    metal: ModuleType, fast: bool, math: str
) -> None:
    metal.reset_ledger()
    metal.run(SOURCE, [mirror(values(), 256)], fast_math=fast)
    assert metal.ledger()["libraries"] == [f"MSL newest, math {math}"]
