"""How many may wait, and what the others are told."""

from __future__ import annotations

import pytest

from gptoss_metal import Error
from gptoss_metal.engine import Busy, Limits
from gptoss_metal.engine.steps import LONGEST_RETRY, Step, Steps
from tests.engine.conftest import Starter
from tests.engine.jobs import PATIENT, Gate, ids, job


def test_one_too_many_is_refused_with_a_time(start: Starter) -> None:
    engine = start(slots=2, queue=3)
    gates = [Gate(hold_after=1), Gate(hold_after=1)]
    running = [engine.submit(job(20, 5, seed=n, constraint=gates[n])) for n in range(2)]
    assert all(gate.reached.wait(PATIENT) for gate in gates)
    waiting = [engine.submit(job(20, 5, seed=n)) for n in range(2, 5)]
    with pytest.raises(Busy, match=r"^\[engine\] 3 requests wait already\. Try: again in ") as busy:
        engine.submit(job(20, 5))
    assert 1 <= busy.value.retry_after <= LONGEST_RETRY
    assert isinstance(busy.value, Error)
    waiting[0].cancel()
    streams = [*running, *waiting[1:], engine.submit(job(20, 5, seed=9))]
    with pytest.raises(Busy):
        engine.submit(job(20, 5))
    for gate in gates:
        gate.open.set()
    assert [len(ids(stream)) for stream in streams] == [5] * 5
    assert engine.stats().refused == 2


def test_a_queue_of_none(start: Starter) -> None:
    engine = start(slots=1, queue=0)
    gate = Gate()
    running = engine.submit(job(20, 5, constraint=gate))
    with pytest.raises(Busy):
        engine.submit(job(20, 5))
    gate.open.set()
    assert len(ids(running)) == 5


def test_first_come_first_served(start: Starter) -> None:
    engine = start(slots=1)
    gate = Gate()
    engine_order = [engine.submit(job(10 + n, 2, seed=n, constraint=gate)) for n in range(1)]
    engine_order += [engine.submit(job(10 + n, 2, seed=n)) for n in range(1, 6)]
    gate.open.set()
    assert [len(ids(stream)) for stream in engine_order] == [2] * 6
    prefilled = [piece for step in engine.recent_steps() for piece in step.prefilled]
    assert [end for _, _, end in prefilled] == [10, 11, 12, 13, 14, 15]


def test_the_time_follows_the_pace() -> None:
    steps = Steps()
    assert steps.retry_after([]) == 1
    for _ in range(100):
        steps.add(Step((1,), (), 0.5))
    assert steps.retry_after([(0, 10, 50)]) == 20  # 40 tokens at half a second
    assert steps.retry_after([(6, 0, 10), (0, 1, 1000)]) == 8  # three tokens' prompt and ten
    assert steps.retry_after([(0, 0, 100_000)]) == LONGEST_RETRY  # as long as nothing is known
    for _ in range(10):
        steps.answered(20)
    assert steps.retry_after([(0, 4, 100_000)]) == 8  # answers are 20 tokens long here
    assert steps.retry_after([(0, 400, 100_000)]) == 1


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"slots": 0}, "slots is 0. Try: 1 or more"),
        ({"queue": -1}, "queue is -1. Try: 0 or more"),
        ({"chunk": 0}, "chunk is 0"),
        ({"cache_bytes": 0}, "cache_bytes is 0"),
        ({"context": 1}, "context is 1. Try: 2 or more"),
        ({"max_tokens": 0}, "max_tokens is 0"),
    ],
)
def test_limits_are_checked(wrong: dict[str, int], what: str) -> None:
    with pytest.raises(Error, match=r"^\[engine\]") as caught:
        Limits(**wrong)
    assert what in str(caught.value)
