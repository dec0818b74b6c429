"""Readers that go away: their slot, place and memory are free again, at every stage."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from gptoss_metal import Model
from gptoss_metal.engine import Engine, Stream
from tests.engine.conftest import Starter
from tests.engine.jobs import PATIENT, Gate, ids, job


def settled(engine: Engine) -> None:
    """Waits until nothing runs, and checks that the engine still works."""
    assert engine.wait_idle(PATIENT)
    assert engine.stats().running == 0
    assert len(ids(engine.submit(job(20, 3, seed=77)))) == 3


def test_while_waiting(start: Starter) -> None:
    engine = start(slots=1)
    gate = Gate()
    running = engine.submit(job(20, 5, constraint=gate))
    assert gate.reached.wait(PATIENT)
    waiting = [engine.submit(job(20, 5, seed=n)) for n in range(3)]
    waiting[1].cancel()
    assert engine.stats().waiting == 2  # at once, though the device is held up
    assert ids(waiting[1]) == []
    assert waiting[1].progress.finish_reason == "cancelled"
    gate.open.set()
    assert [len(ids(stream)) for stream in (running, waiting[0], waiting[2])] == [5, 5, 5]
    assert engine.stats().cancelled == 1
    settled(engine)


def test_within_a_long_prompt(start: Starter) -> None:
    """After the piece that is being computed: seen in the log, where the prompt stops."""
    engine = start(slots=2, chunk=8)
    gate = Gate(hold_after=1)
    other = engine.submit(job(8, 30, constraint=gate))
    assert gate.reached.wait(PATIENT)
    stream = engine.submit(job(1000, 5))
    while not any(piece[0] == 2 for step in engine.recent_steps() for piece in step.prefilled):
        threading.Event().wait(0.0005)  # the moment is the point: it is in the prompt now
    stream.cancel()
    assert ids(stream) == []
    gate.open.set()
    assert len(ids(other)) == 30
    assert engine.wait_idle(PATIENT)
    computed = [piece for step in engine.recent_steps() for piece in step.prefilled]
    assert max(end for number, _, end in computed if number == 2) < 1000
    assert stream.progress.finish_reason == "cancelled"
    settled(engine)


@pytest.mark.parametrize("after", [1, 2, 5])
def test_while_decoding(start: Starter, after: int) -> None:
    engine = start()
    stream = engine.submit(job(30, None))
    head = [next(stream).id for _ in range(after)]
    stream.cancel()
    rest = ids(stream)  # what was generated before the cancel is still there
    assert stream.progress.finish_reason == "cancelled"
    assert stream.progress.ids == head + rest
    assert stream.progress.completion_tokens < 900
    settled(engine)


def test_at_the_end_it_is_too_late(start: Starter) -> None:
    engine = start()
    stream = engine.submit(job(30, 4))
    assert engine.wait_idle(PATIENT)
    stream.cancel()
    assert len(ids(stream)) == 4
    assert stream.progress.finish_reason == "length"
    assert engine.stats().cancelled == 0


def test_from_another_thread_while_the_reader_waits(start: Starter) -> None:
    engine = start()
    gate = Gate(hold_after=0)
    stream = engine.submit(job(30, 5, constraint=gate))
    assert gate.reached.wait(PATIENT)
    found: list[int] = [-1]
    reader = threading.Thread(target=lambda: found.__setitem__(slice(None), ids(stream)))
    reader.start()
    stream.cancel()
    reader.join(PATIENT)
    assert found == []
    gate.open.set()
    settled(engine)


def test_a_cancelled_task(start: Starter) -> None:
    engine = start()
    gate = Gate(hold_after=3)

    async def read(stream: Stream, got: list[int]) -> None:
        async for sampled in stream:
            got.append(sampled.id)

    async def main() -> None:
        got: list[int] = []
        stream = engine.submit(job(30, 50, constraint=gate))
        task = asyncio.create_task(read(stream, got))
        assert await asyncio.to_thread(gate.reached.wait, PATIENT)
        while len(got) < 3:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    gate.open.set()
    settled(engine)
    assert engine.stats().cancelled == 1


def test_aclose_and_a_dropped_stream(start: Starter) -> None:
    engine = start(slots=1)

    async def main() -> None:
        stream = engine.submit(job(30, None))
        await anext(stream)
        await stream.aclose()

    asyncio.run(main())
    settled(engine)
    stream = engine.submit(job(30, None, seed=1))
    next(stream)
    del stream
    gc.collect()
    settled(engine)
    assert engine.stats().cancelled == 2


def test_a_closed_event_loop_is_a_reader_that_left(start: Starter) -> None:
    engine = start()
    streams: list[Stream] = []

    async def main() -> None:
        streams.append(engine.submit(job(30, 100)))
        await anext(streams[0])

    asyncio.run(main())
    assert engine.wait_idle(PATIENT)
    assert len(ids(streams[0])) == 99  # nothing was lost, and nothing crashed
    assert engine.stats().crashes == 0


def test_memory_is_as_before(start: Starter, small: Model) -> None:
    """Twenty rounds of cancelled streams leave no more than one round does."""
    engine = start(slots=4, cache_bytes=6_000_000)
    sizes = []
    for round_ in range(20):
        streams = [engine.submit(job(200, 40, seed=n)) for n in range(8)]
        for number, stream in enumerate(streams):
            if number % 2:
                next(stream)
            stream.cancel()
        assert engine.wait_idle(PATIENT)
        sizes.append(small.core.cache_bytes)
        assert engine.stats().running == 0, round_
    assert max(sizes) <= 6_000_000
    engine.close()
    assert small.core.cache_bytes == 0
