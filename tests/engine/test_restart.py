"""Prefixes on disk: after a restart, an unload, or an eviction, they are read, not computed."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gptoss_metal import Model
from gptoss_metal.engine import DiskStore, desk
from gptoss_metal.engine.disk import record
from gptoss_metal.engine.disk.identity import identity
from gptoss_metal.engine.footprint import Footprint
from tests.chat.models import write_small
from tests.conftest import ROOT
from tests.engine.conftest import Starter
from tests.engine.jobs import PATIENT, ids, job

PLENTY = 1 << 30


@pytest.fixture
def disk(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "prefixes", PLENTY)


@pytest.mark.parametrize("length", [60, 248, 256, 300, 504, 700])
def test_a_restart_reads_the_prefix(start: Starter, disk: DiskStore, length: int) -> None:
    conversation = job(length, 9, marks=(length - 2,))
    engine = start(disk=disk)
    said = ids(engine.submit(conversation))
    longer = np.concatenate([conversation.prompt, said, [5, 6, 7]]).astype(np.int32)
    expected = ids(engine.submit(replace(conversation, prompt=longer)))
    engine.close()
    again = start(disk=DiskStore(disk.folder, PLENTY))
    assert again.wait_ready(PATIENT)
    assert again.stats().prefix_cold_entries > 0
    assert again.stats().prefix_entries == 0
    stream = again.submit(replace(conversation, prompt=longer))
    assert ids(stream) == expected
    assert stream.progress.cached_tokens >= length + 8
    assert again.stats().prefix_disk_hits == 1
    assert again.stats().prefilled_tokens == len(longer) - stream.progress.cached_tokens


def test_other_weights_read_nothing(
    start: Starter, disk: DiskStore, small: Model, tmp_path: Path
) -> None:
    engine = start(disk=disk)
    ids(engine.submit(job(300, 3, marks=(290,))))
    engine.close()
    other = Model.load(write_small(tmp_path / "other.safetensors", vocab=641), threads=1)
    exact = Model.load(small.info.path, precision="exact", threads=1)
    assert len({identity(model.core) for model in (small, other, exact)}) == 3
    for model in (other, exact):
        again = start(lambda model=model: model, disk=disk)
        stream = again.submit(job(300, 3, marks=(290,)))
        assert len(ids(stream)) == 3
        assert stream.progress.cached_tokens == 0
        again.close()
        assert model.core.cache_bytes == 0


@pytest.mark.parametrize("kind", record.KINDS)
def test_damage_costs_time_and_nothing_else(
    start: Starter, disk: DiskStore, kind: record.Kind
) -> None:
    each = job(600, 6, marks=(590,))
    engine = start(disk=disk)
    expected = ids(engine.submit(each))
    engine.close()
    for path in disk.folder.glob(f"*/*.{kind}"):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    again = start(disk=disk)
    stream = again.submit(each)
    assert ids(stream) == expected
    assert stream.progress.cached_tokens == 0
    assert again.stats().crashes == again.stats().failed == 0


def test_a_prefix_the_core_refuses_is_deleted(
    start: Starter, disk: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checksum can be right and the contents wrong: written by a faulty program."""
    each = job(300, 6, marks=(290,))
    engine = start(disk=disk)
    expected = ids(engine.submit(each))
    engine.close()
    read = record.read
    monkeypatch.setattr(record, "read", lambda *args: read(*args) + b"?")
    again = start(disk=disk)
    stream = again.submit(each)
    assert ids(stream) == expected
    assert stream.progress.cached_tokens == 0
    monkeypatch.undo()
    again.close()
    assert again.stats().crashes == 0


def test_what_leaves_memory_goes_to_disk(start: Starter, disk: DiskStore, small: Model) -> None:
    footprint = Footprint.of(small.core, 64)
    engine = start(disk=disk, cache_bytes=footprint.session(1024) + 2 * footprint.page)
    jobs = [job(600, 5, seed=seed, marks=(590,)) for seed in range(6)]
    expected = [ids(engine.submit(each)) for each in jobs]
    for each, tokens in zip(jobs, expected, strict=True):
        stream = engine.submit(each)
        assert ids(stream) == tokens
        assert stream.progress.cached_tokens == 590
    stats = engine.stats()
    assert stats.prefix_disk_hits >= 4
    assert stats.cache_peak <= stats.cache_limit
    assert stats.disk_bytes > 0


def test_an_idle_engine_writes_what_it_has(
    start: Starter, disk: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In case the process is killed."""
    monkeypatch.setattr(desk, "IDLE_SPILL", 0.01)
    monkeypatch.setattr("gptoss_metal.engine.device.IDLE_SPILL", 0.01)
    engine = start(disk=disk)
    for seed in range(3):
        ids(engine.submit(job(300, 5, seed=seed, marks=(290,))))
    waited = threading.Event()
    for _ in range(2000):
        if len(list(disk.folder.glob("*/*.prefix"))) == engine.stats().prefix_entries:
            break
        waited.wait(0.01)
    assert engine.stats().prefix_entries >= 6
    assert len(list(disk.folder.glob("*/*.prefix"))) == engine.stats().prefix_entries


def test_the_disk_bound_holds_and_the_engine_forgets_what_went(
    start: Starter, small: Model, tmp_path: Path
) -> None:
    footprint = Footprint.of(small.core, 64)
    limit = 4 * footprint.session(600)
    disk = DiskStore(tmp_path, limit)
    engine = start(disk=disk, cache_bytes=footprint.session(1024) + 2 * footprint.page)
    for seed in range(12):
        assert len(ids(engine.submit(job(600, 5, seed=seed, marks=(590,))))) == 5
    assert engine.stats().disk_bytes <= limit
    assert disk.bytes <= limit
    cold = engine.stats().prefix_cold_entries
    assert cold == len(list(tmp_path.glob("*/*.prefix"))) - stored_and_hot(engine)
    engine.close()
    assert disk.bytes <= limit


def stored_and_hot(engine: object) -> int:
    loaded = engine._desk.loaded  # type: ignore[attr-defined]
    return sum(entry.key is not None for entry in loaded.prefixes._hot)


def test_without_a_usable_folder_it_works_without(start: Starter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    engine = start(disk=DiskStore(tmp_path / "file" / "prefixes", PLENTY))
    assert len(ids(engine.submit(job(100, 4)))) == 4
    assert engine.stats().disk_bytes == 0


def test_a_full_disk_is_counted(
    start: Starter, disk: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "write", full)
    engine = start(disk=disk)
    assert len(ids(engine.submit(job(300, 4, marks=(290,))))) == 4
    engine.close()
    assert engine.stats().crashes == 0
    assert list(disk.folder.glob("*/*")) == []


def test_kill_9_of_a_working_engine(start: Starter, small_path: Path, disk: DiskStore) -> None:
    """Five times, at different moments; afterwards every file is whole, and is used."""
    command = [sys.executable, "-m", "tests.engine.serving", small_path, disk.folder]
    answers: dict[int, list[int]] = {}
    for count in range(1, 6):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(count * 3):
                seed, *tokens = map(int, process.stdout.readline().split())
                assert answers.setdefault(seed, tokens) == tokens
            process.kill()
        engine = start(disk=disk)
        model = engine.wait_ready(PATIENT)
        assert not list(disk.folder.rglob("*" + record.TEMPORARY))
        store = disk.open(identity(model.core), 256)
        for _, tokens in list(store.entries()):
            assert store.load(tokens) is not None
        engine.close()
    assert list(disk.folder.glob("*/*.prefix"))
