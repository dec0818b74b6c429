"""The disk store: what is read back is right, or is not there."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path

import pytest

from gptoss_metal import Error
from gptoss_metal.engine.disk import record
from gptoss_metal.engine.disk.identity import Chain
from gptoss_metal.engine.disk.shelf import Shelf
from gptoss_metal.engine.disk.store import DiskStore
from tests.engine.snapshots import IDENTITY, PAGE, made_up

PLENTY = 1 << 30


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "prefixes", PLENTY)


@pytest.fixture
def shelf(store: DiskStore) -> Shelf:
    return store.open(IDENTITY, PAGE)


def files(store: DiskStore) -> list[Path]:
    return sorted(path for path in store.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("length", [1, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE, 5 * PAGE + 3])
def test_a_round_trip(store: DiskStore, shelf: Shelf, length: int) -> None:
    prefix = made_up(length)
    shelf.save(prefix)
    stored = shelf.load(prefix.tokens)
    assert stored is not None
    assert prefix.matches(stored)
    again = store.open(IDENTITY, PAGE)
    assert [tokens.tolist() for _, tokens in again.entries()] == [prefix.tokens.tolist()]
    assert len(files(store)) == 1 + length // PAGE
    assert store.bytes == sum(path.stat().st_size for path in files(store))


def test_what_was_not_saved_is_not_there(shelf: Shelf) -> None:
    prefix = made_up(40)
    shelf.save(prefix)
    assert shelf.load(prefix.tokens[:39]) is None
    assert shelf.load(made_up(40, seed=1).tokens) is None


def test_a_growing_conversation_writes_only_new_pages(shelf: Shelf) -> None:
    shelf.save(made_up(5 * PAGE + 3, shared=5 * PAGE))
    longer = made_up(7 * PAGE, seed=1, shared=5 * PAGE)
    shelf.save(longer)
    assert longer.read == ["page 5", "page 6", "window"]
    longer.read.clear()
    shelf.save(longer)
    assert longer.read == []


def test_a_page_belongs_to_all_tokens_before_it() -> None:
    left, right = made_up(3 * PAGE), made_up(3 * PAGE)
    right.tokens[0] += 1
    keys = [Chain(IDENTITY, side.tokens, PAGE).pages for side in (left, right)]
    assert len({*keys[0], *keys[1]}) == 6
    other = Chain(hashlib.sha256(b"another model").digest(), left.tokens, PAGE)
    assert not {*other.pages} & {*keys[0]}


def test_models_do_not_share(store: DiskStore, shelf: Shelf) -> None:
    prefix = made_up(40)
    shelf.save(prefix)
    other = store.open(hashlib.sha256(b"another model").digest(), PAGE)
    assert other.load(prefix.tokens) is None
    assert list(other.entries()) == []


def test_only_the_owner_reads_it_and_names_tell_nothing(store: DiskStore, shelf: Shelf) -> None:
    os.umask(0)
    shelf.save(made_up(40))
    for path in files(store):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        bytes.fromhex(path.stem)
    for folder in (store.folder, *store.folder.iterdir()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_oldest_goes_first_and_never_a_page_in_need(
    store: DiskStore, shelf: Shelf, tmp_path: Path
) -> None:
    prefixes = [made_up(6 * PAGE + 1, seed=seed, shared=4 * PAGE) for seed in range(6)]
    for prefix in prefixes:
        shelf.save(prefix)
    assert shelf.load(prefixes[0].tokens) is not None  # now the youngest
    order = [*prefixes[1:], prefixes[0]]
    counts = set()
    for limit in range(store.bytes, -1, -97):
        copy = DiskStore(tmp_path / str(limit), limit)
        shutil.copytree(store.folder, copy.folder)  # keeps the times
        copy.trim()
        assert copy.bytes <= limit
        kept = len(list(copy.folder.glob("*/*.prefix")))
        left = [tokens.tolist() for _, tokens in copy.open(IDENTITY, PAGE).entries()]
        assert left == [prefix.tokens.tolist() for prefix in order[len(order) - len(left) :]]
        assert len(left) == kept  # none misses a page
        counts.add(len(left))
    assert counts == {0, 1, 2, 3, 4, 5, 6}
    assert files(copy) == []


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    kind, at = how.split()
    position = int(float(at) * (len(data) - 1))
    if kind == "flip":
        data[position] ^= 0x10
    elif kind == "cut":
        del data[position:]
    else:
        data[position:position] = b"?"
    path.write_bytes(data)


DAMAGES = [
    f"{kind} {at}"
    for kind in ("flip", "cut", "insert")
    for at in (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 0.9, 1)
]


@pytest.mark.parametrize("suffix", record.KINDS)
def test_a_damaged_file_is_deleted(store: DiskStore, shelf: Shelf, suffix: str) -> None:
    prefix = made_up(3 * PAGE + 5)
    shelf.save(prefix)
    good = {path: path.read_bytes() for path in files(store)}
    victim = next(path for path in good if path.suffix == f".{suffix}")
    for how in DAMAGES:
        damage(victim, how)
        assert shelf.load(prefix.tokens) is None
        assert not victim.exists()
        assert list(shelf.entries()) == []
        for path, data in good.items():
            path.write_bytes(data)
    victim.unlink()
    shelf.save(prefix)
    stored = shelf.load(prefix.tokens)
    assert stored is not None
    assert prefix.matches(stored)


def test_every_byte_of_a_prefix_is_checked(store: DiskStore, shelf: Shelf) -> None:
    """The fault that must not pass: believing a file for its name."""
    prefix = made_up(PAGE + 3)
    shelf.save(prefix)
    good = {path: path.read_bytes() for path in files(store)}
    assert len(good) == 2
    for path, whole in good.items():
        for position in range(len(whole)):
            data = bytearray(whole)
            data[position] ^= 1 << position % 8
            path.write_bytes(data)
            assert shelf.load(prefix.tokens) is None, (path.suffix, position)
            for each, contents in good.items():
                each.write_bytes(contents)


def test_entries_deletes_what_is_no_prefix(store: DiskStore, shelf: Shelf) -> None:
    prefixes = [made_up(2 * PAGE + 2, seed=seed) for seed in range(6)]
    for prefix in prefixes:
        shelf.save(prefix)
    folder = next(store.folder.iterdir())
    names = [Chain(IDENTITY, prefix.tokens, PAGE) for prefix in prefixes]
    record.path(folder, "page", names[0].pages[1]).unlink()
    damage(record.path(folder, "prefix", names[1].prefix), "cut 0.5")
    damage(record.path(folder, "prefix", names[2].prefix), "flip 0.15")  # a token
    record.path(folder, "prefix", names[3].prefix).rename(folder / f"{'0' * 64}.prefix")
    (folder / "photo.prefix").write_bytes(b"\xff\xd8")
    (folder / ("a" * 64 + ".prefix")).write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    left = {tuple(tokens) for _, tokens in shelf.entries()}
    assert left == {tuple(prefix.tokens) for prefix in prefixes[4:]}
    assert len(list(folder.glob("*.prefix"))) == 2
    assert (folder / "notes.txt").exists()


def test_what_a_dead_writer_left_is_swept(store: DiskStore, shelf: Shelf) -> None:
    folder = next(store.folder.iterdir())
    (folder / ("0" * 32 + record.TEMPORARY)).write_bytes(b"half")
    store.open(IDENTITY, PAGE)
    assert files(store) == []


def test_a_full_disk_leaves_nothing_half(
    store: DiskStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        shelf.save(made_up(40))
    assert files(store) == []


def test_a_negative_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"^\[cache\] .*Try: 0 or more"):
        DiskStore(tmp_path, -1)
