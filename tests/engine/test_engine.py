"""The engine on a real model: each stream gets what it gets alone."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from gptoss_metal import Error, Model, Sampling
from gptoss_metal.engine import Engine, Job, Limits
from tests.engine.conftest import Starter
from tests.engine.jobs import GREEDY, PATIENT, Gate, ids, job, prompt


def test_one_stream_is_generate(start: Starter, small_path: Path) -> None:
    generated = Model.load(small_path).generate(prompt(100), GREEDY, 12, stop_tokens=())
    engine = start()
    stream = engine.submit(job(100, 12))
    assert ids(stream) == [token.id for token in generated]
    progress = stream.progress
    assert progress.finish_reason == "length"
    assert (progress.prompt_tokens, progress.cached_tokens) == (100, 0)
    assert progress.completion_tokens == len(progress.ids) == 12
    assert progress.prefill_seconds > 0
    assert progress.decode_seconds > 0


@pytest.mark.parametrize("shared", [0, 70, 300])
def test_concurrent_streams_get_what_they_get_alone(start: Starter, shared: int) -> None:
    jobs = [job(310 + 41 * n, 20 + n, seed=n, shared=shared) for n in range(8)]
    alone = []
    for each in jobs:
        engine = start()
        alone.append(ids(engine.submit(each)))
        engine.close()
    engine = start()
    together = [engine.submit(each) for each in jobs]
    assert [ids(stream) for stream in together] == alone
    assert engine.stats().cache_peak > 0


def test_late_arrivals_change_nothing(start: Starter) -> None:
    """Each arrives when the one before has generated some tokens."""
    jobs = [job(40 * n + 3, 30, seed=n) for n in range(1, 9)]
    alone = []
    for each in jobs:
        engine = start()
        alone.append(ids(engine.submit(each)))
        engine.close()
    engine = start()
    streams = []
    heads: list[list[int]] = []
    for each in jobs:
        stream = engine.submit(each)
        streams.append(stream)
        heads.append([next(stream).id for _ in range(3)])
    together = [head + ids(stream) for head, stream in zip(heads, streams, strict=True)]
    assert together == alone


def test_sampling_follows_its_seed_in_any_company(start: Starter) -> None:
    sampling = Sampling(temperature=1.3, seed=7, top_p=0.9, repetition_penalty=1.2, logprobs=2)
    engine = start()
    alone = list(engine.submit(job(90, 16, sampling=sampling)))
    engine = start()
    others = [engine.submit(job(200, 30, seed=n)) for n in range(1, 5)]
    together = list(engine.submit(job(90, 16, sampling=sampling)))
    assert together == alone
    assert all(len(sampled.top_logprobs) == 2 for sampled in alone)
    assert all(sampled.logprob is not None and sampled.logprob < 0 for sampled in alone)
    assert [len(ids(stream)) for stream in others] == [30] * 4


def test_a_stop_token_is_the_last(start: Starter) -> None:
    engine = start()
    first = ids(engine.submit(job(100, 12)))
    stream = engine.submit(job(100, 12, stop_tokens=frozenset({first[5]})))
    assert ids(stream) == first[: first.index(first[5]) + 1]
    assert stream.progress.finish_reason == "stop"


def test_no_limit_fills_the_context(start: Starter) -> None:
    engine = start()
    stream = engine.submit(job(1000, None))
    assert len(ids(stream)) == 24
    assert stream.progress.finish_reason == "length"


def test_between_two_tokens_at_most_half_a_chunk_is_computed(start: Starter) -> None:
    """By the log of steps: the bound does not depend on the machine's speed."""
    engine = start(slots=6)
    gate = Gate(hold_after=2)
    running = engine.submit(job(20, 400, constraint=gate))
    assert gate.reached.wait(PATIENT)
    prompts = [engine.submit(job(900, 4, seed=n)) for n in range(1, 5)]
    gate.open.set()
    for stream in prompts:
        assert len(ids(stream)) == 4
    running.cancel()
    steps = engine.recent_steps()
    ((decoder, _, _),) = steps[0].prefilled
    first = next(at for at, step in enumerate(steps) if decoder in step.decoded)
    last = max(at for at, step in enumerate(steps) if decoder in step.decoded)
    held = [step for step in steps[first : last + 1] if decoder not in step.decoded]
    assert len(held) <= 4  # while the gate was closed, prompts had the device
    for step in steps[first:]:
        assert sum(end - begin for _, begin, end in step.prefilled) <= 32
        for _, begin, end in step.prefilled:
            assert begin < end
            assert end % 32 == 0 or end == 900


def test_without_streams_whole_chunks_are_computed(start: Starter) -> None:
    engine = start()
    assert len(ids(engine.submit(job(200, 1)))) == 1
    pieces = [step.prefilled for step in engine.recent_steps()]
    assert pieces == [((1, 0, 64),), ((1, 64, 128),), ((1, 128, 192),), ((1, 192, 200),)]


def test_prompts_are_divided_for_streams_only_where_bits_stay_the_same() -> None:
    assert Limits().chunk_beside_on("cpu") == 64
    assert Limits(chunk=7).chunk_beside_on("cpu") == 4
    assert Limits(chunk=1).chunk_beside_on("cpu") == 1
    assert Limits().chunk_beside_on("metal") == 512


def test_prompts_take_turns(start: Starter) -> None:
    engine = start(slots=4)
    gate = Gate(hold_after=0)
    first = engine.submit(job(64, 1, constraint=gate))
    assert gate.reached.wait(PATIENT)
    streams = [engine.submit(job(640, 1, seed=n)) for n in range(1, 4)]
    gate.open.set()
    for stream in (first, *streams):
        ids(stream)
    turns = [piece[0] for step in engine.recent_steps() for piece in step.prefilled]
    order = [number for number in turns if number > 1]
    assert len(order) == 30
    counts = dict.fromkeys(order, 0)
    for number in order:
        counts[number] += 1
        behind = max(counts.values()) - min(counts.values())
        assert behind <= 2  # one turn, and one that it had before the others came


def test_short_prompts_share_a_step(start: Starter) -> None:
    engine = start(slots=6)
    gate = Gate(hold_after=0)
    first = engine.submit(job(64, 2, constraint=gate))
    assert gate.reached.wait(PATIENT)
    with engine._desk.changed:  # so that all are there before the thread looks again
        streams = [engine.submit(job(10, 2, seed=n)) for n in range(1, 6)]
    gate.open.set()
    for stream in (first, *streams):
        assert len(ids(stream)) == 2
    counts = [len(step.prefilled) for step in engine.recent_steps() if step.prefilled]
    assert sorted(counts) in ([1, 5], [1, 2, 3], [1, 1, 1, 3], [1, 1, 2, 2])


def test_from_asyncio(start: Starter) -> None:
    engine = start()
    expected = ids(engine.submit(job(50, 9)))

    async def one() -> list[int]:
        return [sampled.id async for sampled in engine.submit(job(50, 9))]

    async def many() -> list[list[int]]:
        return await asyncio.gather(*(one() for _ in range(5)))

    assert asyncio.run(many()) == [expected] * 5


def test_a_slow_reader_holds_nobody_up(start: Starter) -> None:
    engine = start(slots=2)
    slow = engine.submit(job(30, 50))
    next(slow)
    quick = engine.submit(job(30, 200, seed=1))
    assert len(ids(quick)) == 200
    assert engine.wait_idle(PATIENT)  # though most of `slow` is not read yet
    assert slow.progress.completion_tokens == 1
    assert len(ids(slow)) == 49
    assert slow.progress.finish_reason == "length"


def test_streams_read_by_many_threads(start: Starter) -> None:
    engine = start(slots=3, queue=40)
    found: dict[int, int] = {}

    def read(seed: int) -> None:
        found[seed] = len(ids(engine.submit(job(30 + seed, 5 + seed, seed=seed))))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seed: 5 + seed for seed in range(24)}


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"length": 1024}, "fill the whole context"),
        ({"length": 1030}, "do not fit a context"),
        ({"length": 5, "limit": 0}, "max_tokens is 0"),
        ({"length": 5, "limit": 31}, "more than the 30 that a request may ask for"),
        ({"length": 5, "sampling": Sampling(logit_bias={640: 1.0})}, "ids below 640"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    start: Starter, wrong: dict[str, object], what: str
) -> None:
    engine = start(max_tokens=30)
    engine.wait_ready()
    with pytest.raises(Error, match=r"^\[.*Try: ") as caught:
        engine.submit(job(**wrong))  # type: ignore[arg-type]
    assert what in str(caught.value)
    assert engine.stats().requests == 0


def test_before_the_model_is_known_the_stream_fails(start: Starter, small: Model) -> None:
    loading = threading.Event()

    def load() -> Model:
        assert loading.wait(PATIENT)
        return small

    engine = start(load)
    bad = engine.submit(Job(np.array([640], np.int32)))
    good = engine.submit(job(10, 3))
    assert engine.state == "loading"
    loading.set()
    with pytest.raises(Error, match="out of range"):
        next(bad)
    assert len(ids(good)) == 3
    assert engine.state == "ready"


def test_numbers(start: Starter) -> None:
    engine: Engine = start()
    ids(engine.submit(job(100, 10)))
    assert engine.wait_idle(PATIENT)
    stats = engine.stats()
    assert (stats.state, stats.running, stats.waiting) == ("ready", 0, 0)
    assert (stats.requests, stats.failed, stats.cancelled) == (1, 0, 0)
    assert (stats.generated_tokens, stats.prefilled_tokens) == (10, 100)
    assert stats.steps == 2 + 9
    assert 0 < stats.step_p50 <= stats.step_p99 <= stats.step_seconds
    assert 0 < stats.cache_bytes <= stats.cache_peak <= stats.cache_limit == 1 << 30
