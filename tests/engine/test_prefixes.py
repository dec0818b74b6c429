"""The prefix cache: what was computed once is not computed again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Model
from gptoss_metal.engine import Engine, Job
from gptoss_metal.engine.footprint import Footprint
from tests.engine.conftest import Starter
from tests.engine.jobs import GREEDY, PATIENT, Gate, ids, job, prompt

Tokens = npt.NDArray[np.int32]


def answer(engine: Engine, tokens: Tokens, limit: int, marks: tuple[int, ...]) -> list[int]:
    stream = engine.submit(Job(tokens, GREEDY, limit, frozenset(), marks=marks))
    return ids(stream)


def test_a_conversation_of_20_turns_computes_only_what_is_new(start: Starter) -> None:
    engine = start()
    tokens = prompt(150)
    marks: tuple[int, ...] = (60, 140)
    new = 0
    first = 0
    for turn in range(20):
        before = engine.stats().prefilled_tokens
        stream = engine.submit(Job(tokens, GREEDY, 12, frozenset(), marks=marks))
        said = ids(stream)
        assert engine.wait_idle(PATIENT)
        computed = engine.stats().prefilled_tokens - before
        assert stream.progress.cached_tokens == len(tokens) - computed
        if turn == 0:
            first = computed
        # The last token of an answer is replaced in the history, and a user says something.
        said[-1] = 7
        added = prompt(20, seed=turn + 1)
        marks = (*marks, len(tokens) + len(said), len(tokens) + len(said) + len(added) - 3)
        tokens = np.concatenate([tokens, np.array(said, np.int32), added])
        new += len(added) + 1 if turn < 19 else 0
    assert first == 150
    assert engine.stats().prefilled_tokens - first <= 1.1 * new


def test_going_on_from_a_prefix_changes_no_token(start: Starter) -> None:
    shared, marks = 300, (100, 300)
    jobs = [job(400 + n, 10, seed=n, shared=shared, marks=marks) for n in range(3)]
    expected = []
    for each in jobs:
        engine = start()
        expected.append(ids(engine.submit(each)))
        engine.close()
    engine = start()
    streams = [engine.submit(each) for each in jobs]
    assert [ids(stream) for stream in streams] == expected
    assert [ids(engine.submit(each)) for each in jobs] == expected
    stream = engine.submit(jobs[0])
    ids(stream)
    assert stream.progress.cached_tokens >= shared
    assert engine.stats().prefix_hits >= 4


def test_a_common_start_is_computed_once_even_at_the_same_time(start: Starter) -> None:
    """Sub-agents that start together wait for the one that computes their instructions."""
    shared = 512
    jobs = [job(shared + 30, 4, seed=n, shared=shared, marks=(shared,)) for n in range(6)]
    engine = start()
    streams = [engine.submit(each) for each in jobs]
    assert all(len(ids(stream)) == 4 for stream in streams)
    assert engine.wait_idle(PATIENT)
    assert engine.stats().prefilled_tokens == shared + 6 * 30
    assert sorted(stream.progress.cached_tokens for stream in streams) == [0] + [shared] * 5


def test_when_the_one_that_computes_leaves_the_others_go_on(start: Starter) -> None:
    shared = 512
    engine = start()
    gate = Gate(hold_after=0)
    leader = engine.submit(job(600, 4, seed=0, shared=shared, marks=(shared,), constraint=gate))
    assert gate.reached.wait(PATIENT)
    follower = engine.submit(job(600, 4, seed=1, shared=shared, marks=(shared,)))
    leader.cancel()
    gate.open.set()
    assert len(ids(follower)) == 4


@pytest.mark.parametrize("length", [1, 2, 65, 256, 257])
def test_a_prefix_is_always_a_proper_one(start: Starter, length: int) -> None:
    """The last token is computed, for its logits."""
    engine = start()
    each = job(length, 3, marks=(length,))
    first = ids(engine.submit(each))
    again = engine.submit(each)
    assert ids(again) == first
    assert again.progress.cached_tokens < length
    tokens = np.append(each.prompt, first).astype(np.int32)
    longer = engine.submit(replace(each, prompt=tokens))
    ids(longer)
    assert longer.progress.cached_tokens == length + 2  # all but the last


def test_another_conversation_gets_nothing_of_it(start: Starter) -> None:
    engine = start()
    ids(engine.submit(job(300, 5, marks=(200,))))
    tokens = prompt(300)
    tokens[0] += 1
    stream = engine.submit(Job(tokens, GREEDY, 5, frozenset()))
    ids(stream)
    assert stream.progress.cached_tokens == 0


def test_a_prefix_in_use_is_not_dropped(start: Starter, small: Model) -> None:
    footprint = Footprint.of(small.core, 64)
    engine = start(cache_bytes=footprint.session(1024) + 3 * footprint.page + footprint.rings)
    base = job(520, 1, seed=1, marks=(512,))
    ids(engine.submit(base))
    gate = Gate()
    held = engine.submit(replace(base, limit=4, constraint=gate))
    assert gate.reached.wait(PATIENT)
    for seed in range(2, 8):
        assert len(ids(engine.submit(job(200, 2, seed=seed, marks=(190,))))) == 2
    assert engine.wait_idle(0) is False
    gate.open.set()
    assert len(ids(held)) == 4
    assert held.progress.cached_tokens == 512
    again = engine.submit(base)
    ids(again)
    assert again.progress.cached_tokens == 512
    assert engine.stats().cache_peak <= engine.stats().cache_limit


def test_shared_pages_are_counted_once(start: Starter, small: Model) -> None:
    """Fifty branches of one long start take little more than the start."""
    footprint = Footprint.of(small.core, 64)
    engine = start()
    for seed in range(50):
        ids(engine.submit(job(775, 2, seed=seed, shared=768, marks=(768,))))
    assert engine.wait_idle(PATIENT)
    apart = 50 * footprint.session(775)
    assert small.core.cache_bytes < apart / 2
    assert engine.stats().prefix_entries >= 50
