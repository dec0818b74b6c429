"""The folder of all models' prefixes, and its bound."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from gptoss_metal.engine.disk import record
from gptoss_metal.engine.disk.shelf import Shelf
from gptoss_metal.errors import Error
from gptoss_metal.store import home

MOST: Final = 16 << 30
"""Bytes the store takes if nobody says otherwise, where a tenth of the free disk is not less."""


class DiskStore:
    """Prefixes on disk, of any models, within a bound; several servers may share it.

    Args:
        folder: made when needed, readable by its owner only; None for the store's own,
            ``cache/prefixes`` in `gptoss_metal.store.home`.
        limit: the most bytes of all its files; None for 16 GiB or a tenth of the free disk,
            whichever is less. What was used longest ago is deleted first.

    Raises:
        Error: the limit is negative.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        if limit is not None and limit < 0:
            raise Error(f"[cache] a disk cache of {limit} bytes. Try: 0 or more.")
        self.folder: Final = home() / "cache" / "prefixes" if folder is None else folder
        self.used = 0
        """Bytes of all files as of the last `trim`."""
        self._limit = limit

    def open(self, identity: bytes, page: int) -> Shelf:
        """The prefixes of one model.

        Args:
            identity: 32 bytes, see `gptoss_metal.engine.disk.identity`.
            page: positions of a page.

        Raises:
            OSError: the folder cannot be made.
        """
        shelf = self.folder / identity.hex()[:32]
        shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.folder, shelf):
            folder.chmod(0o700)
        record.sweep(shelf)
        return Shelf(shelf, identity, page)

    @property
    def limit(self) -> int:
        """The most bytes of all files."""
        if self._limit is None:
            free = shutil.disk_usage(self.folder).free if self.folder.is_dir() else MOST * 10
            self._limit = min(MOST, (free + self.bytes) // 10)
        return self._limit

    @property
    def bytes(self) -> int:
        """Bytes of all files now."""
        return sum(size for _, _, size in self._files())

    def trim(self) -> frozenset[str]:
        """Deletes the files used longest ago until the rest is within the limit.

        Returns:
            The keys of the prefixes that are gone.
        """
        files = sorted(self._files())
        used = sum(size for _, _, size in files)
        gone = set()
        for _, path, size in files:
            if used <= self.limit:
                break
            path.unlink(missing_ok=True)
            used -= size
            if path.suffix == ".prefix":
                gone.add(path.stem)
        self.used = used
        return frozenset(gone)

    def _files(self) -> list[tuple[int, Path, int]]:
        """Time of last use, path and size of every record."""
        found = []
        for path in self.folder.glob("*/*"):
            if path.suffix.removeprefix(".") in record.KINDS:
                try:
                    status = os.stat(path)
                except FileNotFoundError:
                    continue
                found.append((status.st_mtime_ns, path, status.st_size))
        return found
