"""The journal of a conversion: which tensors of the unfinished file are done.

JSON lines beside the unfinished file: first a fingerprint of what is being written from what,
then one line per finished tensor. The open journal is locked, so two conversions cannot write the
same file.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO

from .failure import failure


class Journal:
    """An open, locked journal; ``finished`` maps tensor names to the sha256 of their bytes."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Open or create the journal; one of another conversion is emptied.

        Raises:
            Error: another process holds it.
            OSError: it cannot be written.
        """
        self.path = path
        self._file = _locked(path)
        self.finished = self._load(fingerprint)
        self._file.seek(0)
        self._file.truncate()
        self._write({"fingerprint": fingerprint})
        for tensor, sha256 in self.finished.items():
            self._write({"tensor": tensor, "sha256": sha256})

    def add(self, checksums: dict[str, str]) -> None:
        """Note finished tensors."""
        for tensor, sha256 in checksums.items():
            self._write({"tensor": tensor, "sha256": sha256})

    def remove(self) -> None:
        """Delete the journal: the file is finished or given up."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the lock."""
        self._file.close()

    def _write(self, line: dict[str, str]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _load(self, fingerprint: str) -> dict[str, str]:
        finished: dict[str, str] = {}
        self._file.seek(0)
        lines = self._file.readlines()
        if not lines or _parsed(lines[0]).get("fingerprint") != fingerprint:
            return finished
        for line in lines[1:]:
            entry = _parsed(line)
            if "tensor" in entry and "sha256" in entry:
                finished[entry["tensor"]] = entry["sha256"]
        return finished


def _locked(path: Path) -> IO[str]:
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except BlockingIOError:
        mine = False
    if not mine:
        file.close()
        raise failure(
            f"another conversion is writing {path.with_suffix('').with_suffix('')}",
            "wait until it ends, or stop it",
        )
    return file


def _parsed(line: str) -> dict[str, str]:
    """Return a journal line; one torn by a crash counts as empty."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
