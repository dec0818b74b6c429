"""Random clients against one engine with little memory: every answer right, nothing left behind.

With ``exact`` precision a token does not depend on what was cached, on disk, or set aside; so each
answer is compared with what the model says alone.
"""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gptoss_metal import Error, Model
from gptoss_metal.engine import Busy, DiskStore, Engine, Job, Limits, admission
from gptoss_metal.engine.footprint import Footprint
from tests.engine.jobs import GREEDY, PATIENT, prompt

CHUNK = 64
LONGEST = 40
CLIENTS = 24


class Oracle:
    """Jobs from a small world of conversations, and their right answers."""

    def __init__(self, path: Path) -> None:
        self._model = Model.load(path, precision="exact", threads=1)
        self._known: dict[bytes, list[int]] = {}
        self._lock = threading.Lock()

    def job(self, chance: random.Random) -> Job:
        """A start that many share, and something of its own."""
        shared = chance.choice([0, 100, 256, 500])
        length = shared + chance.randint(1, 300)
        limit = chance.choice([None, chance.randint(1, LONGEST), LONGEST])
        marks = tuple(m for m in (100, 256, 500) if m <= shared)
        tokens = prompt(length, chance.randint(0, 9), shared)
        return Job(tokens, GREEDY, limit, frozenset(), marks=marks)

    def answer(self, job: Job) -> list[int]:
        """The first tokens the model says alone."""
        key = job.prompt.tobytes()
        with self._lock:
            if key not in self._known:
                session = self._model.session(chunk=CHUNK)
                session.sync(job.prompt)
                said = [int(np.argmax(session.logits()))]
                while len(said) < LONGEST:
                    session.step(said[-1])
                    said.append(int(np.argmax(session.logits())))
                self._known[key] = said
            return self._known[key]


class Clients:
    """Clients that ask, read, leave, and come again, until `end`."""

    def __init__(self, engine: Engine, oracle: Oracle, end: float) -> None:
        self.complete = 0
        self.left = 0
        self.refused = 0
        self.wrong: list[str] = []
        self._engine = engine
        self._oracle = oracle
        self._end = end

    def run(self) -> None:
        """Half of them in asyncio, half in threads."""
        threads = [threading.Thread(target=self._thread, args=(n,)) for n in range(CLIENTS // 2)]
        for thread in threads:
            thread.start()
        asyncio.run(self._tasks())
        for thread in threads:
            thread.join(PATIENT)
            assert not thread.is_alive(), "a stream hangs"

    def _pause(self) -> float:
        """All clients rest at the same time now and then: the model can be unloaded."""
        return 0.05 if (self._end - time.monotonic()) % 2.0 < 0.5 else 0.0

    async def _tasks(self) -> None:
        tasks = [self._task(n) for n in range(CLIENTS // 2, CLIENTS)]
        await asyncio.wait_for(asyncio.gather(*tasks), self._end - time.monotonic() + PATIENT)

    def _thread(self, seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < self._end:
            if pause := self._pause():
                time.sleep(pause)
                continue
            job = self._oracle.job(chance)
            try:
                stream = self._engine.submit(job)
            except Busy:
                self.refused += 1
                time.sleep(0.01)
                continue
            leave = chance.choice([None, None, chance.randint(0, 20)])
            if leave is not None and chance.random() < 0.5:
                timer = threading.Timer(chance.random() * 0.1, stream.cancel)
                timer.start()
            got = []
            for sampled in stream:
                got.append(sampled.id)
                if len(got) in (leave, LONGEST):
                    stream.cancel()
                    break
            self._judge(job, got, stream.progress.finish_reason)

    async def _task(self, seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < self._end:
            if pause := self._pause():
                await asyncio.sleep(pause)
                continue
            job = self._oracle.job(chance)
            try:
                stream = self._engine.submit(job)
            except Busy:
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            got: list[int] = []

            async def read(stream=stream, got=got) -> None:  # type: ignore[no-untyped-def]
                async for sampled in stream:
                    got.append(sampled.id)
                    if len(got) == LONGEST:
                        await stream.aclose()
                        return

            task = asyncio.create_task(read())
            await asyncio.wait([task], timeout=chance.choice([None, chance.random() * 0.2]))
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._judge(job, got, stream.progress.finish_reason)

    def _judge(self, job: Job, got: list[int], reason: str | None) -> None:
        expected = self._oracle.answer(job)
        if got[:LONGEST] != expected[: len(got)]:
            self.wrong.append(f"{len(job.prompt)} tokens, limit {job.limit}: {got} {expected}")
        if reason == "length":
            self.complete += 1
            if job.limit is not None and len(got) != job.limit:
                self.wrong.append(f"{len(got)} of {job.limit} tokens")
        else:
            self.left += 1


def stress(path: Path, folder: Path, seconds: float) -> None:
    """Runs clients for some time, unloading the model now and then."""
    oracle = Oracle(path)
    models: list[Model] = []

    def load() -> Model:
        models.append(Model.load(path, precision="exact", threads=1))
        return models[-1]

    probe = Footprint.of(Model.load(path, precision="exact").core, CHUNK)
    budget = 2 * probe.session(1024) + 6 * probe.page
    limits = Limits(slots=6, queue=16, chunk=CHUNK, cache_bytes=budget, keep_alive=0.2)
    engine = Engine(load, limits, DiskStore(folder, 20 * probe.session(1024)))
    engine.start()
    engine.wait_ready()
    end = time.monotonic() + seconds
    clients = Clients(engine, oracle, end)
    over = threading.Event()

    def meddle() -> None:
        while not over.wait(seconds / 20):
            engine.unload()

    meddler = threading.Thread(target=meddle)
    meddler.start()
    clients.run()
    over.set()
    meddler.join()
    assert clients.wrong == []
    assert engine.wait_idle(PATIENT)
    stats = engine.stats()
    engine.close()
    gc.collect()
    print(f"{clients.complete} complete, {clients.left} left, {clients.refused} refused; {stats}")
    assert stats.running == stats.waiting == 0
    assert stats.failed == stats.crashes == 0
    assert stats.cache_peak <= budget
    assert stats.disk_bytes <= 20 * probe.session(1024)
    assert stats.loads > 1 or seconds < 60
    assert clients.complete > 0
    assert clients.left > 0
    assert [model.core.cache_bytes for model in models] == [0] * len(models)


@pytest.fixture(autouse=True)
def short_reservations(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that jobs without limits outgrow them: this model's context is short."""
    monkeypatch.setattr(admission, "AHEAD", 100)


def test_random_clients(small_path: Path, tmp_path: Path) -> None:
    stress(small_path, tmp_path, 6)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_random_clients_for_minutes(small_path: Path, tmp_path: Path) -> None:
    stress(small_path, tmp_path, 240)


def test_the_oracle_sees_a_wrong_token(small_path: Path) -> None:
    """The fault put in: an answer with one token changed is judged wrong."""
    oracle = Oracle(small_path)
    engine = Engine(lambda: Model.load(small_path))
    clients = Clients(engine, oracle, 0.0)
    job = Job(prompt(50), GREEDY, 5, frozenset())
    right = oracle.answer(job)[:5]
    clients._judge(job, right, "length")
    assert clients.wrong == []
    clients._judge(job, [*right[:3], right[3] + 1, right[4]], "length")
    clients._judge(job, right[:4], "length")
    assert len(clients.wrong) == 2
    with pytest.raises(Error):
        engine.submit(job)
