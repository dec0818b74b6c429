"""Faults, put in on purpose: the stream at fault ends with its error, the others go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gptoss_metal import Error, Model, Sampling, _core
from gptoss_metal.engine import batch, plan
from gptoss_metal.engine.constraint import Mask
from gptoss_metal.engine.prefixes import Prefixes
from tests.engine.conftest import Starter
from tests.engine.jobs import PATIENT, Gate, ids, job


class Faulty:
    """A constraint that fails after some tokens, in one of its methods."""

    def __init__(self, method: str, after: int) -> None:
        self._method = method
        self._left = {"mask": after, "accept": after}

    def mask(self) -> Mask | None:
        """Allows everything."""
        self._count("mask")
        return None

    def accept(self, token: int) -> None:
        """Takes anything."""
        self._count("accept")

    def _count(self, method: str) -> None:
        if self._left[method] == 0 and method == self._method:
            raise ValueError("a fault in the grammar")
        self._left[method] -= 1


@pytest.mark.parametrize("method", ["mask", "accept"])
@pytest.mark.parametrize("after", [0, 3])
def test_a_constraint_that_raises(start: Starter, method: str, after: int) -> None:
    engine = start()
    expected = ids(engine.submit(job(40, 20, seed=1)))
    other = engine.submit(job(40, 20, seed=1))
    stream = engine.submit(job(50, 20, constraint=Faulty(method, after)))
    with pytest.raises(Error, match=r"^\[generate\] .*ValueError: a fault in the grammar. Try: "):
        ids(stream)
    assert len(stream.progress.ids) == after + (method == "accept")
    assert ids(other) == expected
    assert (engine.stats().failed, engine.stats().crashes) == (1, 0)


def test_a_mask_that_allows_nothing(start: Starter) -> None:
    class Nothing:
        def mask(self) -> Mask:
            return np.zeros(20, np.uint32)

        def accept(self, token: int) -> None:
            raise AssertionError("nothing can be accepted")

    engine = start()
    with pytest.raises(Error, match=r"Try: "):
        ids(engine.submit(job(40, 20, constraint=Nothing())))
    assert len(ids(engine.submit(job(40, 20)))) == 20


def test_a_slow_constraint_holds_nobody_up(start: Starter) -> None:
    engine = start()
    gate = Gate(hold_after=1)
    slow = engine.submit(job(40, 5, constraint=gate))
    assert gate.reached.wait(PATIENT)
    assert len(ids(engine.submit(job(40, 20, seed=1)))) == 20
    gate.open.set()
    assert len(ids(slow)) == 5


def test_a_mask_is_obeyed(start: Starter) -> None:
    class Only:
        def mask(self) -> Mask:
            mask = np.zeros(20, np.uint32)
            mask[1] = 0b1010
            return mask

        def accept(self, token: int) -> None:
            assert token in (33, 35)

    engine = start()
    tokens = ids(engine.submit(job(40, 30, sampling=Sampling(seed=3), constraint=Only())))
    assert set(tokens) == {33, 35}


Work = Sequence[tuple[_core.Session, Any]]


class FaultyDevice:
    """`_core.advance`, with faults: `wrong` decides which work fails, and how."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Work], None]) -> None:
        self._real = _core.advance
        self._wrong = wrong
        monkeypatch.setattr(batch._core, "advance", self)

    def __call__(self, work: Work) -> None:
        """Computes, or fails."""
        self._wrong(work)
        self._real(work)


def test_only_the_sequence_at_fault_fails(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = start()
    expected = [ids(engine.submit(job(40, 20, seed=n))) for n in range(3)]

    def wrong(work: Work) -> None:
        if any(session.length == 55 for session, _ in work):
            raise Error("[metal] the GPU lost a buffer. Try: again.")

    FaultyDevice(monkeypatch, wrong)
    streams = [engine.submit(job(40, 20, seed=n)) for n in range(3)]
    bad = engine.submit(job(50, 20, seed=9))
    with pytest.raises(Error, match="the GPU lost a buffer"):
        ids(bad)
    for stream in streams:
        with pytest.raises(Error, match="the GPU lost a buffer"):
            ids(stream)  # they reach that length too
    monkeypatch.undo()
    assert [ids(engine.submit(job(40, 20, seed=n))) for n in range(3)] == expected
    assert engine.stats().failed == 4
    assert engine.state == "ready"


def test_a_fault_in_company_spares_the_others(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start()
    expected = [ids(engine.submit(job(40, 30, seed=n))) for n in range(3)]

    def wrong(work: Work) -> None:
        if any(session.length == 105 for session, _ in work):
            raise MemoryError

    FaultyDevice(monkeypatch, wrong)
    streams = [engine.submit(job(40, 30, seed=n)) for n in range(3)]
    bad = engine.submit(job(100, 20, seed=9))
    with pytest.raises(Error, match="MemoryError"):
        ids(bad)
    assert len(bad.progress.ids) == 6
    assert [ids(stream) for stream in streams] == expected
    assert (engine.stats().failed, engine.stats().crashes) == (1, 0)


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_nobody_expects_ends_every_stream_and_the_engine_recovers(
    start: Starter, monkeypatch: pytest.MonkeyPatch, small_path: Path, kind: type[BaseException]
) -> None:
    models: list[Model] = []

    def load() -> Model:
        models.append(Model.load(small_path, threads=1))
        return models[-1]

    engine = start(load, slots=2)
    expected = ids(engine.submit(job(40, 20)))

    def wrong(work: Work) -> None:
        if any(session.length == 60 for session, _ in work):
            raise kind("out of the blue")

    FaultyDevice(monkeypatch, wrong)
    streams = [engine.submit(job(50, 30, seed=n)) for n in range(5)]
    for stream in streams:
        with pytest.raises(Error, match=r"^\[engine\] the engine failed: .*out of the blue. Try: "):
            ids(stream)
    assert engine.wait_ready(PATIENT) is models[1]
    assert models[0].core.cache_bytes == 0
    monkeypatch.undo()
    assert ids(engine.submit(job(40, 20))) == expected
    stats = engine.stats()
    assert (stats.state, stats.crashes, stats.loads, stats.failed) == ("ready", 1, 2, 5)


def test_faults_in_the_engine_itself_end_streams_too(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start()
    engine.wait_ready()

    def wrong(*_: object) -> None:
        raise ZeroDivisionError

    for owner, name in ((Prefixes, "find"), (plan.Plan, "end"), (Prefixes, "settle")):
        monkeypatch.setattr(owner, name, wrong)
        with pytest.raises(Error, match="ZeroDivisionError"):
            ids(engine.submit(job(40, 20)))
        monkeypatch.undo()
        engine.wait_ready(PATIENT)
        assert len(ids(engine.submit(job(40, 20)))) == 20


def test_a_loader_that_fails(start: Starter, small: Model) -> None:
    """The stream that asked gets the reason; the next one tries again."""
    faults: list[BaseException | None] = [
        Error("[load] no such file: x. Try: y."),
        OSError("the disk is gone"),
        None,
    ]

    asked = threading.Event()

    def load() -> Model:
        assert asked.wait(PATIENT)
        fault = faults.pop(0)
        if fault is not None:
            raise fault
        return small

    engine = start(load)
    first = engine.submit(job(10, 3))
    asked.set()
    with pytest.raises(Error, match=r"^\[load\] no such file"):
        ids(first)
    assert engine.state == "failed"
    with pytest.raises(
        Error, match=r"^\[engine\] the model could not be loaded: OSError: the disk"
    ):
        engine.wait_ready()
    assert engine.state == "failed"
    assert len(ids(engine.submit(job(10, 3)))) == 3
    assert engine.state == "ready"
    assert faults == []


def test_no_thread_is_left(start: Starter) -> None:
    before = {thread.name for thread in threading.enumerate()}
    engine = start()
    gate = Gate()
    stream = engine.submit(job(40, 5, constraint=gate))
    gate.open.set()
    ids(stream)
    engine.close()
    left = {thread.name for thread in threading.enumerate()} - before
    assert not [name for name in left if name.startswith("gptoss-metal-engine")]
