"""Loading, unloading, stopping: every stream ends, whatever happens."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from gptoss_metal import Error, Model
from gptoss_metal.engine import DiskStore, Engine, Unavailable
from tests.engine.conftest import Starter
from tests.engine.jobs import PATIENT, Gate, ids, job


class Loads:
    """A loader that counts."""

    def __init__(self, path: Path) -> None:
        self.models: list[Model] = []
        self._path = path

    def __call__(self) -> Model:
        """Loads the model anew."""
        self.models.append(Model.load(self._path, threads=1))
        return self.models[-1]


@pytest.fixture
def loads(small_path: Path) -> Loads:
    return Loads(small_path)


def unloaded(engine: Engine) -> bool:
    """Waits until it is."""
    desk = engine._desk
    with desk.changed:
        return desk.changed.wait_for(lambda: engine.state == "unloaded", PATIENT)


def test_it_is_loading_and_then_ready(start: Starter, small: Model) -> None:
    gate = threading.Event()

    def load() -> Model:
        assert gate.wait(PATIENT)
        return small

    engine = start(load)
    assert engine.state == "loading"
    assert engine.model is None
    with pytest.raises(Unavailable, match="being loaded"):
        engine.wait_ready(0.01)
    gate.set()
    assert engine.wait_ready(PATIENT) is small
    assert asyncio.run(engine.ready()) is small
    assert engine.state == "ready"
    assert engine.model is small


def test_without_a_start_nothing_is_taken_on(small: Model) -> None:
    engine = Engine(lambda: small)
    assert engine.state == "unloaded"
    with pytest.raises(Unavailable, match=r"was not started. Try: "):
        engine.submit(job(10))
    engine.close()
    with pytest.raises(Unavailable, match="stopping"):
        engine.submit(job(10))


def test_unload_and_the_next_request_loads_it(start: Starter, loads: Loads) -> None:
    engine = start(loads)
    expected = ids(engine.submit(job(100, 5)))
    engine.unload()
    assert unloaded(engine)
    assert engine.model is None
    assert engine.unloads_in is None
    assert loads.models[0].core.cache_bytes == 0
    assert ids(engine.submit(job(100, 5))) == expected
    assert engine.stats().loads == len(loads.models) == 2


def test_unload_waits_for_what_runs(start: Starter, loads: Loads) -> None:
    engine = start(loads)
    gate = Gate()
    stream = engine.submit(job(30, 20, constraint=gate))
    assert gate.reached.wait(PATIENT)
    engine.unload()
    later = engine.submit(job(30, 5, seed=1))
    assert engine.state == "ready"
    gate.open.set()
    assert len(ids(stream)) == 20
    assert len(ids(later)) == 5
    assert unloaded(engine)
    assert engine.stats().loads == 1


def test_keep_alive(start: Starter, loads: Loads) -> None:
    engine = start(loads, keep_alive=0.02)
    assert len(ids(engine.submit(job(30, 5)))) == 5
    assert unloaded(engine)
    assert len(ids(engine.submit(job(30, 5, keep_alive=-1.0)))) == 5
    assert engine.wait_idle(PATIENT)
    assert engine.unloads_in is None
    assert engine.state == "ready"
    engine.keep_alive(100.0)
    assert 0 < (engine.unloads_in or 0) <= 100
    engine.keep_alive(None)
    assert unloaded(engine)


def test_keep_alive_of_none(start: Starter, loads: Loads) -> None:
    engine = start(loads)
    assert engine.unloads_in is None
    assert len(ids(engine.submit(job(30, 5, keep_alive=0.0)))) == 5
    assert unloaded(engine)
    assert len(ids(engine.submit(job(30, 5)))) == 5
    assert engine.wait_idle(PATIENT)
    assert engine.state == "ready"


def test_unloading_writes_prefixes_that_reloading_finds(
    start: Starter, loads: Loads, tmp_path: Path
) -> None:
    engine = start(loads, disk=DiskStore(tmp_path, 1 << 30))
    expected = ids(engine.submit(job(400, 5, marks=(390,))))
    engine.unload()
    assert unloaded(engine)
    stream = engine.submit(job(400, 5, marks=(390,)))
    assert ids(stream) == expected
    assert stream.progress.cached_tokens == 390


def test_stop_lets_running_streams_finish(start: Starter) -> None:
    engine = start(slots=1)
    gate = Gate()
    running = engine.submit(job(30, 20, constraint=gate))
    waiting = engine.submit(job(30, 20, seed=1))
    assert gate.reached.wait(PATIENT)
    closing = threading.Thread(target=engine.close, args=(PATIENT,))
    closing.start()
    while engine.state != "stopping":
        threading.Event().wait(0.001)
    with pytest.raises(Unavailable, match=r"^\[engine\] the server is stopping. Try: "):
        engine.submit(job(10))
    gate.open.set()
    assert [len(ids(stream)) for stream in (running, waiting)] == [20, 20]
    closing.join(PATIENT)
    assert not closing.is_alive()


def test_stop_without_grace_fails_the_rest(start: Starter) -> None:
    engine = start(slots=1)
    gate = Gate()
    streams = [engine.submit(job(30, 20, constraint=gate))]
    assert gate.reached.wait(PATIENT)
    streams += [engine.submit(job(30, 20, seed=n)) for n in range(1, 4)]
    asyncio.run(engine.stop(0.0))
    assert len(streams[0].progress.ids) == 0
    assert next(streams[0]).id >= 0  # what was generated is not lost
    for stream in streams:
        with pytest.raises(Unavailable, match=r"stopped before the answer was complete\. Try: "):
            next(stream)
    gate.open.set()
    assert engine.stats().failed == 4


def test_stop_while_loading(start: Starter, small: Model) -> None:
    gate = threading.Event()

    def load() -> Model:
        assert gate.wait(PATIENT)
        return small

    engine = start(load)
    stream = engine.submit(job(10, 3))
    waiter: list[Error] = []

    def wait() -> None:
        try:
            engine.wait_ready()
        except Error as error:
            waiter.append(error)

    threads = [threading.Thread(target=wait), threading.Thread(target=engine.close)]
    threads[0].start()
    threads[1].start()
    while engine.state != "stopping":
        threading.Event().wait(0.001)
    gate.set()
    for thread in threads:
        thread.join(PATIENT)
    with pytest.raises(Unavailable):
        ids(stream)
    assert len(waiter) == 1


def test_stopping_twice(start: Starter) -> None:
    engine = start()
    engine.close()
    engine.close()
    assert engine.state == "stopping"
