"""The disk store at work beside the engine: a thread that writes, and one that reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core
from gptoss_metal.engine.disk.identity import identity
from gptoss_metal.engine.disk.store import DiskStore
from gptoss_metal.errors import Error

Tokens = npt.NDArray[np.int32]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """A finished write: the prefix's key, None if it failed; and the keys that made room for it."""

    key: str | None
    gone: frozenset[str] = frozenset()


class Archive:
    """One loaded model's prefixes on disk.

    Args:
        store: the folder.
        model: whose prefixes are saved and loaded.

    Raises:
        OSError: the folder cannot be used.
    """

    def __init__(self, store: DiskStore, model: _core.Model) -> None:
        self._store = store
        self._model = model
        self._shelf = store.open(identity(model), _core.Prefix.page_positions)
        store.trim()
        self._writer = ThreadPoolExecutor(1, "gptoss-metal-disk-writer")
        self._reader = ThreadPoolExecutor(1, "gptoss-metal-disk-reader")

    def entries(self) -> Iterator[tuple[str, Tokens]]:
        """Key and tokens of every prefix, the longest unused first."""
        return self._shelf.entries()

    def save(self, prefix: _core.Prefix) -> Future[Saved]:
        """Writes a prefix, in the order of calls."""
        return self._writer.submit(self._save, [prefix])

    def load(self, tokens: Tokens) -> Future[_core.Prefix | None]:
        """Reads a prefix; None if it is gone, damaged, or there is no memory for it."""
        return self._reader.submit(self._load, tokens)

    def close(self) -> None:
        """Waits for the write and the read that run; forgets those that wait."""
        self._writer.shutdown(cancel_futures=True)
        self._reader.shutdown(cancel_futures=True)

    def _save(self, only: list[_core.Prefix]) -> Saved:
        """Takes the prefix out of its list, so that nobody holds its memory when this returns."""
        try:
            key = self._shelf.save(only.pop())
            gone = self._store.trim()
        except OSError as error:
            _log.warning("[cache] a prefix was not written to disk: %s", error.strerror)
            return Saved(None)
        return Saved(key, gone)

    def _load(self, tokens: Tokens) -> _core.Prefix | None:
        stored = self._shelf.load(tokens)
        if stored is None:
            return None
        try:
            return _core.Prefix.load(self._model, stored.tokens, stored.pages, stored.window)
        except MemoryError:
            return None
        except Error as error:
            _log.warning("[cache] a prefix on disk does not fit the model: %s", error)
            self._shelf.forget(tokens)
            return None
