"""Kills a process that saves prefixes, again and again: run by test_kill.py.

A process of its own, because it forks.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from itertools import count
from pathlib import Path

from gptoss_metal.engine.disk import record
from gptoss_metal.engine.disk.store import DiskStore
from tests.engine.snapshots import IDENTITY, PAGE, MadeUp, made_up


def prefix(seed: int) -> MadeUp:
    """The prefix of a number."""
    return made_up(2 * PAGE + seed % (3 * PAGE), seed=seed, shared=PAGE)


def save_for_ever(folder: Path, first: int, limit: int, done: int) -> None:
    """Saves prefix after prefix; writes a byte to the pipe for each that is complete."""
    store = DiskStore(folder, limit)
    shelf = store.open(IDENTITY, PAGE)
    for seed in count(first):
        shelf.save(prefix(seed))
        os.write(done, b".")
        store.trim()


def killed(folder: Path, first: int, limit: int, awaited: int, seconds: float) -> int:
    """How many prefixes a writer completed until it was killed.

    Args:
        folder: of the store.
        first: the number of its first prefix.
        limit: of the store, in bytes.
        awaited: how many it may complete in peace,
        seconds: and how long it lives after that.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        save_for_ever(folder, first, limit, write)
    os.close(write)
    with open(read, "rb", buffering=0) as pipe:
        done = sum(len(pipe.read(1)) for _ in range(awaited))
        time.sleep(seconds)  # the moment is the point of the test
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return done + len(pipe.read())


def check(folder: Path, limit: int, seeds: range) -> set[int]:
    """Which of the prefixes are there; each must be right to the byte, and nothing else there."""
    store = DiskStore(folder, limit)
    shelf = store.open(IDENTITY, PAGE)
    assert not list(folder.rglob("*" + record.TEMPORARY))
    entries = {tuple(tokens) for _, tokens in shelf.entries()}
    found = {seed for seed in seeds if tuple(prefix(seed).tokens) in entries}
    assert len(found) == len(entries)
    for seed in sorted(found):
        stored = shelf.load(prefix(seed).tokens)
        assert stored is not None
        assert prefix(seed).matches(stored)
    assert store.bytes <= limit + 20_000  # the writer had not trimmed yet
    return found


def usual_seconds(folder: Path) -> float:
    """How long a save takes on this disk."""
    shelf = DiskStore(folder, 1 << 30).open(IDENTITY, PAGE)
    begun = time.perf_counter()
    for seed in range(5):
        shelf.save(prefix(seed))
    return (time.perf_counter() - begun) / 5


def main(folder: Path, kills: int, limit: int) -> None:
    """Prints what happened."""
    chance = random.Random(4)
    first = torn = completed = 0
    usual = usual_seconds(folder.with_name("trial"))
    for _ in range(kills):
        done = killed(folder, first, limit, chance.randrange(3), chance.random() * usual)
        torn += bool(list(folder.rglob("*" + record.TEMPORARY)))
        found = check(folder, limit, range(max(0, first - 400), first + done + 1))
        own = sorted(seed for seed in found if seed >= first)
        if done:  # the last ones that were complete are there, and perhaps one more
            assert own[-1] + 1 - first in (done, done + 1)
            assert own == list(range(own[0], own[-1] + 1))
            assert own[0] == first or len(own) * 3000 > limit / 2
        completed += done
        first += done
    print(json.dumps({"completed": completed, "torn": torn}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
