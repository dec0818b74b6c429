"""The limits are measured by a program that this machine's compiler makes."""

from __future__ import annotations

from benchmarks.peers import limits


def test_limits_of_this_machine() -> None:
    found = limits.measure(1)
    assert found.read_gbs > 0
    assert found.int8_gops > found.float32_gflops > 0
    assert found.isa
