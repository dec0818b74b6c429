"""The order of rounds, and one real process of ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.contenders import ours
from benchmarks.peers.limits import Limits
from benchmarks.peers.process import Worker, taken_core
from benchmarks.peers.rounds import Contender, measure, order, prepare, process
from gptoss_metal.errors import Error

LIMITS = Limits(10.0, 100.0, 400.0, "none")


def contender(name: str, rounds: int | None = None) -> Contender:
    return Contender(name, "1", (), None, rounds=rounds)


def test_two_rounds_are_abba() -> None:
    both = [contender("A"), contender("B")]
    names = [one.name for number in range(4) for one in order(both, number)]
    assert "".join(names) == "ABBAABBA"


def test_a_slow_contender_leaves_after_its_rounds() -> None:
    three = [contender("A"), contender("B"), contender("C", rounds=1)]
    assert [[one.name for one in order(three, number)] for number in range(2)] == [
        ["A", "B", "C"],
        ["B", "A"],
    ]


def test_a_process_of_ours(model: Path, tmp_path: Path) -> None:
    one = ours(model, tmp_path / "state", steps=4)
    values = process(one, ["load", "prefill128", "decode"])
    assert set(values) == {"load", "prefill128", "decode"}
    assert all(value > 0 for value in values.values())


def test_rounds_of_ours(model: Path, tmp_path: Path) -> None:
    one = ours(model, tmp_path / "state", steps=2)
    rounds = measure([one], ["decode"], 2, lambda: LIMITS)
    assert [list(each.values) for each in rounds] == [["gptoss-metal"]] * 2
    assert rounds[1].limits == {"gptoss-metal": LIMITS}


def test_a_deep_cache_is_computed_once(model: Path, tmp_path: Path) -> None:
    one = ours(model, tmp_path / "state", steps=2)
    prepare(one)
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    assert process(one, ["decode4096"])["decode4096"] > 0
    assert kept.stat().st_mtime_ns == written


def test_logits_of_a_process_are_the_models(model: Path, tmp_path: Path) -> None:
    with Worker(ours(model, tmp_path / "state", steps=1).command) as worker:
        assert worker.facts["threads"] >= 1
        for name in ("a", "b"):
            worker.seconds(f"logits {tmp_path / name} 1 2 3")
        worker.seconds(f"logits {tmp_path / 'other'} 3 2 1")
    first, again, other = (np.fromfile(tmp_path / x, np.float32) for x in ("a", "b", "other"))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (500,)
    assert not np.array_equal(first, other)


def test_a_process_that_fails_is_named(tmp_path: Path) -> None:
    command = ours(tmp_path / "missing.safetensors", tmp_path / "state", steps=1).command
    with pytest.raises(Error, match=r"^\[peers\] python.* ended with 1: .*missing.safetensors"):
        Worker(command)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to a core")
def test_a_core_is_taken_for_a_while() -> None:
    allowed = os.sched_getaffinity(0)
    with taken_core() as busy:
        assert os.sched_getaffinity(busy) == {min(allowed)}
    assert not Path(f"/proc/{busy}").exists()
    assert os.sched_getaffinity(0) == allowed


def test_an_unknown_command_is_refused(model: Path, tmp_path: Path) -> None:
    one = ours(model, tmp_path / "state", steps=1)
    with pytest.raises(Error, match="unknown command: dance"), Worker(one.command) as worker:
        worker.seconds("dance")
