"""Writing a model file: streamed, checksummed, resumable, verified, and renamed when complete.

``<target>.part`` and ``<target>.part.journal`` stand beside the target meanwhile. A killed or
interrupted run leaves them, and the next run of the same conversion takes over the tensors whose
bytes still have the journalled checksum. Any error removes both.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from .failure import failure, os_failure
from .journal import Journal
from .layout import Layout, Slot

READ_BYTES: Final = 8 << 20
Progress = Callable[[int, int], object]
Chunks = Iterator[tuple[str, NDArray[Any]]]


@dataclass(frozen=True)
class Job:
    """Tensors that are produced together; ``chunks`` yields (tensor name, its next elements)."""

    names: tuple[str, ...]
    chunks: Callable[[], Chunks]


def check_target(target: Path, overwrite: bool, sources: Iterable[Path] = ()) -> None:
    """Check that ``target`` may be written.

    Raises:
        Error: its folder is missing, it is a folder, it exists and ``overwrite`` is False, or it
            is one of the ``sources``.
    """
    if not target.parent.is_dir():
        raise failure(f"the folder {target.parent} does not exist", f"mkdir -p {target.parent}")
    if target.is_dir():
        raise failure(f"{target} is a folder", f"a file name, such as {target}/model.safetensors")
    if not target.exists():
        return
    if not overwrite:
        raise failure(f"{target} exists already", "another name, or --overwrite to replace it")
    for source in sources:
        if source.exists() and target.samefile(source):
            raise failure(f"{target} is a file of the checkpoint itself", "another target")


@dataclass
class Writer:
    """One model file being written; ``source`` goes into its metadata.

    ``inputs`` is a fingerprint of everything the bytes depend on beside layout and source.
    ``progress(done, total)`` is called with bytes: written first, then read back.
    """

    target: Path
    layout: Layout
    source: Mapping[str, str]
    inputs: str
    progress: Progress | None = None
    verify: bool = True
    checksums: dict[str, str] = field(default_factory=dict)
    done: int = 0

    @property
    def part(self) -> Path:
        """The unfinished file."""
        return self.target.with_name(self.target.name + ".part")

    def write(self, jobs: Iterable[Job]) -> Path:
        """Write all jobs' tensors and return the target's path.

        Raises:
            Error: the disk is too small or fails, a job fails, another conversion runs, or the
                bytes read back differ. No file is left then.
        """
        path = self.part.with_name(self.part.name + ".journal")
        try:
            journal = Journal(path, self._fingerprint())
        except OSError as error:
            raise os_failure(f"cannot write {path}", error, "a folder you may write to") from error
        try:
            self._write(jobs, journal)
        except Exception as error:
            self.part.unlink(missing_ok=True)
            journal.remove()
            if isinstance(error, OSError):
                remedy = "free some space or choose another disk"
                raise os_failure(f"cannot write {self.part}", error, remedy) from error
            raise
        finally:
            journal.close()
        return self.target

    def _write(self, jobs: Iterable[Job], journal: Journal) -> None:
        if not self.part.exists():
            journal.finished.clear()
        header = self.layout.header(self.source, {})
        size = len(header) + self.layout.data_bytes
        self._check_space(size)
        with self.part.open("r+b" if journal.finished else "w+b") as file:
            file.truncate(size)
            file.write(header)
            for job in jobs:
                sums = self._kept(file, len(header), job, journal)
                if sums is None:
                    sums = self._produce(file, len(header), job)
                    file.flush()
                    journal.add(sums)
                self.checksums |= sums
            file.seek(0)
            file.write(self.layout.header(self.source, self.checksums))
            file.flush()
            os.fsync(file.fileno())
            if self.verify:
                self._read_back(file, len(header))
        os.replace(self.part, self.target)
        journal.remove()
        _sync_folder(self.target.parent)

    def _kept(self, file: Any, start: int, job: Job, journal: Journal) -> dict[str, str] | None:
        """Return the checksums of a job that an earlier run finished, or None."""
        sums: dict[str, str] = {}
        for name in job.names:
            if name not in journal.finished:
                return None
            sums[name] = hash_slot(file, start, self.layout.by_name[name], lambda _: None)
            if sums[name] != journal.finished[name]:
                return None
        self._advance(sum(self.layout.by_name[name].size for name in job.names))
        return sums

    def _produce(self, file: Any, start: int, job: Job) -> dict[str, str]:
        digests = {name: hashlib.sha256() for name in job.names}
        ends = {name: start + self.layout.by_name[name].offset for name in job.names}
        for name, values in job.chunks():
            data = values.reshape(-1).view("u1").data
            file.seek(ends[name])
            file.write(data)
            digests[name].update(data)
            ends[name] += len(data)
            self._advance(len(data))
        for name in job.names:
            slot = self.layout.by_name[name]
            if ends[name] != start + slot.offset + slot.size:
                raise AssertionError(f"{name} was not written completely")
        return {name: digest.hexdigest() for name, digest in digests.items()}

    def _read_back(self, file: Any, start: int) -> None:
        for slot in self.layout.tensors:
            if hash_slot(file, start, slot, self._advance) != self.checksums[slot.name]:
                raise failure(
                    f"{self.part}: tensor {slot.name!r} reads back differently than written",
                    "another disk; this one or the memory is faulty",
                )

    def _advance(self, count: int) -> None:
        self.done += count
        if self.progress:
            self.progress(self.done, self.layout.tensor_bytes * (2 if self.verify else 1))

    def _check_space(self, size: int) -> None:
        there = self.part.stat().st_blocks * 512 if self.part.exists() else 0
        free = shutil.disk_usage(self.target.parent).free
        if size - there > free:
            raise failure(
                f"{self.target} needs {size - there:,} bytes, and its disk has {free:,} free",
                "free some space or choose another disk",
            )

    def _fingerprint(self) -> str:
        header = self.layout.header(self.source, {})
        return hashlib.sha256(header + self.inputs.encode()).hexdigest()


def hash_slot(file: Any, start: int, slot: Slot, advance: Callable[[int], None]) -> str:
    """Return the sha256 of a tensor's bytes; ``start`` is where the data begins in ``file``."""
    digest = hashlib.sha256()
    file.seek(start + slot.offset)
    left = slot.size
    while left:
        data = file.read(min(left, READ_BYTES))
        if not data:
            break
        digest.update(data)
        left -= len(data)
        advance(len(data))
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
