"""Memory: who is let in, who waits, and who is told that it is too much."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gptoss_metal import Error, Model, _core
from gptoss_metal.engine import DiskStore, Job, NoRoom, admission
from gptoss_metal.engine.footprint import Footprint
from gptoss_metal.engine.memory import LEAST, available, cache_budget
from gptoss_metal.engine.sequence import Sequence
from tests.engine.conftest import Starter
from tests.engine.jobs import PATIENT, Gate, ids, job

CHUNK = 64


@pytest.fixture
def footprint(small: Model) -> Footprint:
    return Footprint.of(small.core, CHUNK)


def test_the_footprint_is_the_cores(small: Model, footprint: Footprint) -> None:
    for tokens in (0, 1, 255, 256, 257, 600, 1024):
        assert footprint.session(tokens) == small.core.session_bytes(tokens, CHUNK)


def test_what_can_never_fit_is_refused_with_both_numbers(
    start: Starter, footprint: Footprint
) -> None:
    budget = footprint.session(512)
    engine = start(cache_bytes=budget)
    engine.wait_ready()
    with pytest.raises(NoRoom, match=r"^\[engine\] 513 tokens need .* MB .*Try: .*--cache") as no:
        engine.submit(job(500, 13))
    assert no.value.needed == footprint.session(513)
    assert no.value.available == budget
    assert isinstance(no.value, Error)
    assert len(ids(engine.submit(job(500, 12)))) == 12
    assert engine.stats().refused == 1
    assert engine.stats().cache_peak <= budget


def test_what_fits_later_waits(start: Starter, footprint: Footprint) -> None:
    budget = footprint.session(1024) + footprint.session(256) + footprint.page
    engine = start(cache_bytes=budget)
    gate = Gate(hold_after=1)
    large = engine.submit(job(600, 424, constraint=gate))
    assert gate.reached.wait(PATIENT)
    small = engine.submit(job(200, 10))  # fits beside it
    assert len(ids(small)) == 10
    too_much = engine.submit(job(600, 10, seed=3))
    behind = engine.submit(job(10, 5, seed=4))
    next(large)
    assert engine.stats().waiting == 2  # in order: nobody overtakes
    gate.open.set()
    assert len(ids(large)) == 423
    assert len(ids(too_much)) == 10
    assert len(ids(behind)) == 5
    assert engine.stats().cache_peak <= budget


def test_prefixes_give_way(start: Starter, small: Model, footprint: Footprint) -> None:
    budget = footprint.session(1024) + 2 * footprint.page
    engine = start(cache_bytes=budget)
    for seed in range(6):
        assert len(ids(engine.submit(job(600, 5, seed=seed, marks=(590,))))) == 5
        assert engine.wait_idle(PATIENT)
        assert small.core.cache_bytes <= budget
    stats = engine.stats()
    assert stats.prefix_entries > 0
    assert stats.cache_peak <= budget
    assert stats.failed == 0
    again = engine.submit(job(600, 5, seed=5, marks=(590,)))
    ids(again)
    assert again.progress.cached_tokens == 590  # the last one was kept
    first = engine.submit(job(600, 5, seed=0, marks=(590,)))
    ids(first)
    assert first.progress.cached_tokens == 0  # the first one left


def test_a_prefix_in_use_counts_once(start: Starter, footprint: Footprint) -> None:
    """Two long conversations with a common start fit where two strangers do not."""
    shared = 768
    budget = 2 * footprint.session(1000) + footprint.checkpoint * 2 - 2 * footprint.page
    engine = start(cache_bytes=budget)
    marks = (shared,)
    assert len(ids(engine.submit(job(shared + 10, 1, shared=shared, marks=marks)))) == 1
    assert engine.wait_idle(PATIENT)
    gates = [Gate(hold_after=1) for _ in range(2)]
    streams = [
        engine.submit(
            job(shared + 20, 200, seed=n, shared=shared, marks=marks, constraint=gates[n])
        )
        for n in range(2)
    ]
    assert all(gate.reached.wait(PATIENT) for gate in gates)  # both run at the same time
    for gate in gates:
        gate.open.set()
    assert [len(ids(stream)) for stream in streams] == [200, 200]
    assert [stream.progress.cached_tokens for stream in streams] == [shared, shared]
    assert engine.stats().cache_peak <= budget


def test_no_limit_takes_what_there_is(start: Starter, footprint: Footprint) -> None:
    """A job without a limit is cut where memory ends, if nothing else can give way."""
    budget = footprint.session(512)
    engine = start(cache_bytes=budget)
    stream = engine.submit(job(300, None))
    tokens = ids(stream)
    assert stream.progress.finish_reason == "length"
    assert 300 + len(tokens) - 1 == 512
    assert engine.stats().cache_peak <= budget


def alone(start: Starter, each: Job) -> list[int]:
    engine = start()
    found = ids(engine.submit(each))
    engine.close()
    return found


@pytest.mark.parametrize("on_disk", [False, True])
def test_who_needs_more_than_there_is_steps_aside(
    start: Starter,
    small: Model,
    footprint: Footprint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    on_disk: bool,
) -> None:
    """Three jobs without limits outgrow the memory: each goes on when another has ended."""
    monkeypatch.setattr(admission, "AHEAD", 100)  # this model's context is short
    stepped: list[int] = []
    set_aside = Sequence.set_aside

    def noted(sequence: Sequence, session: _core.Session) -> None:
        stepped.append(sequence.number)
        set_aside(sequence, session)

    monkeypatch.setattr(Sequence, "set_aside", noted)
    jobs = [job(200, None, seed=seed) for seed in range(3)]
    expected = [alone(start, each) for each in jobs]
    budget = 3 * footprint.rings + 6 * footprint.page
    disk = DiskStore(tmp_path, 1 << 30) if on_disk else None
    submitted = threading.Event()

    def load() -> Model:
        assert submitted.wait(PATIENT)  # so all three are let in before one runs
        return small

    engine = start(load, cache_bytes=budget, disk=disk)
    streams = [engine.submit(each) for each in jobs]
    submitted.set()
    found = [ids(stream) for stream in streams]
    assert [len(tokens) for tokens in found] == [1024 - 200] * 3
    assert found[0] == expected[0]
    if on_disk:
        assert found == expected
    stats = engine.stats()
    assert 1 <= len(stepped) <= 8  # as often as memory ends, and not in circles
    assert stats.cache_peak <= budget
    assert stats.generated_tokens == 3 * 824
    assert stats.failed == stats.cancelled == 0


@pytest.mark.parametrize("pages", [2, 3, 5, 9])
def test_a_crowd_never_exceeds_the_budget(start: Starter, footprint: Footprint, pages: int) -> None:
    budget = footprint.rings * 4 + pages * footprint.page
    engine = start(cache_bytes=budget, slots=4)
    lengths = [60, 130, 200, 257, 300, 400, 511]
    jobs = [job(length, 20, seed=n) for n, length in enumerate(lengths * 4)]
    fits = [each for each in jobs if footprint.session(len(each.prompt) + 20) <= budget]
    engine.wait_ready()
    streams = [engine.submit(each) for each in fits]
    assert [len(ids(stream)) for stream in streams] == [20] * len(fits)
    assert engine.stats().cache_peak <= budget
    assert engine.stats().failed == 0


def test_the_default_budget_is_the_machines() -> None:
    memory = available()
    assert 0 < memory < 1 << 50
    assert cache_budget(1 << 50) == LEAST
    assert LEAST <= cache_budget(0) <= available()
