"""kill -9 of a process that writes the disk store, at random moments."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss_metal.engine.disk import record
from gptoss_metal.engine.disk.store import DiskStore
from tests.conftest import ROOT
from tests.engine.snapshots import IDENTITY, PAGE, made_up

KILLS = 100
LIMIT = 100_000


def test_kill_9_while_writing(tmp_path: Path) -> None:
    arguments = [tmp_path / "prefixes", str(KILLS), str(LIMIT)]
    command = [sys.executable, "-m", "tests.engine.killing", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["completed"] > KILLS // 4  # it got to write,
    assert report["torn"] > KILLS // 10  # kills met files half written; killing.py checks the rest


@pytest.mark.parametrize("suffix", record.KINDS)
def test_a_file_that_was_cut_by_a_crash_of_the_machine(tmp_path: Path, suffix: str) -> None:
    """The name may outlive the data if a disk lies about syncing: at every length."""
    store = DiskStore(tmp_path, LIMIT)
    prefix = made_up(PAGE + 1)
    store.open(IDENTITY, PAGE).save(prefix)
    (path,) = tmp_path.rglob("*." + suffix)
    good = {each: each.read_bytes() for each in tmp_path.rglob("*.p*")}
    shelf = store.open(IDENTITY, PAGE)
    for length in range(len(good[path])):
        path.write_bytes(good[path][:length])
        assert shelf.load(prefix.tokens) is None
        for each, contents in good.items():
            each.write_bytes(contents)
    assert shelf.load(prefix.tokens) is not None
