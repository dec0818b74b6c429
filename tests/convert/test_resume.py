"""A conversion that is killed continues where it stopped and gives the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.convert import conversion, convert, source
from gptoss_metal.convert.journal import Journal
from gptoss_metal.errors import Error
from tests.convert.checkpoints import edit_tensors

SLOWED = """
import sys, time
from gptoss_metal.convert import convert

def slowly(done, total):
    print(done, total, flush=True)
    time.sleep(0.02)

convert(sys.argv[1], sys.argv[2], progress=slowly)
"""


def part_of(target: Path) -> Path:
    """Return the unfinished file's path."""
    return target.with_name(target.name + ".part")


def journal_of(target: Path) -> Path:
    """Return the journal's path."""
    return target.with_name(target.name + ".part.journal")


def killed(source: Path, target: Path, after: int) -> list[str]:
    """Convert in another process, SIGKILL it in mid-write; return the tensors it finished."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOWED, str(source), str(target)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        for _ in range(after):
            done, total = map(int, process.stdout.readline().split())
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 0 < done < total / 2, "killed while it wrote, not while it verified"
    assert not target.exists()
    assert part_of(target).exists()
    lines = journal_of(target).read_text().splitlines()[1:]
    return [json.loads(line)["tensor"] for line in lines]


@pytest.fixture
def produced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list in which the names of weights appear as they are converted."""
    names: list[str] = []
    real = source.stored_chunks

    def recorded(weight: Any, entries: Any, dense: str) -> Iterator[Any]:
        names.append(weight.name)
        return real(weight, entries, dense)

    monkeypatch.setattr(conversion, "stored_chunks", recorded)
    return names


@pytest.fixture
def whole(checkpoint: Path, tmp_path: Path) -> bytes:
    """Return the bytes of an uninterrupted conversion."""
    return convert(checkpoint, tmp_path / "whole.safetensors").read_bytes()


def test_killed_conversion_resumes(
    checkpoint: Path, target: Path, whole: bytes, produced: list[str]
) -> None:
    finished = killed(checkpoint, target, after=20)
    assert len(finished) >= 10
    calls: list[int] = []
    convert(checkpoint, target, progress=lambda done, _: calls.append(done))
    assert target.read_bytes() == whole
    kept = {name.removesuffix(".q8").removesuffix(".scale") for name in finished}
    assert not kept & set(produced), "a finished tensor was converted again"
    assert produced
    assert calls == sorted(calls)
    assert list(target.parent.iterdir()) == [target]


def test_damaged_part_is_converted_again(
    checkpoint: Path, target: Path, whole: bytes, produced: list[str]
) -> None:
    finished = killed(checkpoint, target, after=20)
    assert "embedding" in finished
    with part_of(target).open("r+b") as file:
        header = int.from_bytes(file.read(8), "little")
        file.seek(8 + header + 5)
        file.write(b"\xff\xff")
    convert(checkpoint, target)
    assert produced[0] == "embedding"
    assert target.read_bytes() == whole


def test_journal_of_another_conversion_is_dropped(
    checkpoint: Path, copied: Path, target: Path, produced: list[str]
) -> None:
    killed(copied, target, after=20)
    convert(copied, target, "bf16")
    assert "embedding" in produced, "another storage of the dense weights"
    target.unlink()
    killed(copied, target, after=20)
    produced.clear()
    edit_tensors(copied, lambda tensors: tensors["model.embed_tokens.weight"].neg_())
    convert(copied, target)
    assert "embedding" in produced, "another source"
    fresh = convert(copied, target.with_name("fresh.safetensors"))
    assert target.read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize("tail", ['{"tensor": "layers.0.at', "[]\n", '{"tensor": 1}\n', "\0\0"])
def test_torn_journal_line(checkpoint: Path, target: Path, whole: bytes, tail: str) -> None:
    killed(checkpoint, target, after=20)
    with journal_of(target).open("a") as file:
        file.write(tail)
    convert(checkpoint, target)
    assert target.read_bytes() == whole


def test_lost_part_or_journal(checkpoint: Path, target: Path, whole: bytes) -> None:
    killed(checkpoint, target, after=20)
    part_of(target).unlink()
    assert convert(checkpoint, target).read_bytes() == whole
    target.unlink()
    killed(checkpoint, target, after=20)
    journal_of(target).unlink()
    assert convert(checkpoint, target).read_bytes() == whole


def test_ctrl_c_keeps_and_an_error_removes(copied: Path, target: Path, produced: list[str]) -> None:
    def interrupt(done: int, _: int) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(copied, target, progress=interrupt)
    assert sorted(target.parent.iterdir()) == [part_of(target), journal_of(target)]
    times = {path: path.stat().st_mtime_ns for path in copied.iterdir()}
    scales = "model.layers.1.mlp.experts.down_proj_scales"
    data = (copied / "model.safetensors").read_bytes()
    edit_tensors(copied, lambda tensors: tensors[scales].fill_(255))
    assert len(data) == (copied / "model.safetensors").stat().st_size
    for path, time in times.items():
        if path.exists():
            os.utime(path, ns=(time, time))
    produced.clear()
    with pytest.raises(Error, match="scale byte 255"):
        convert(copied, target)
    assert "layers.1.down.scales" in produced
    assert list(target.parent.iterdir()) == []


def test_two_conversions_do_not_share_a_file(checkpoint: Path, target: Path) -> None:
    other = Journal(journal_of(target), "another")
    with pytest.raises(Error, match=f"another conversion is writing {target}"):
        convert(checkpoint, target)
    assert journal_of(target).exists()
    other.close()
    convert(checkpoint, target)


def test_bytes_that_read_back_differently(
    checkpoint: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plant a fault between writing and reading back: verification finds it."""
    real = os.fsync

    def sync_and_damage(descriptor: int) -> None:
        real(descriptor)
        if part_of(target).exists():
            with part_of(target).open("r+b") as file:
                file.seek(-20000, os.SEEK_END)
                file.write(b"\x55")

    monkeypatch.setattr(os, "fsync", sync_and_damage)
    with pytest.raises(Error, match=r"'unembedding\.q8' reads back differently"):
        convert(checkpoint, target)
    assert list(target.parent.iterdir()) == []
