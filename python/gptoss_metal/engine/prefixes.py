"""The prefix cache: what was computed once and other prompts begin with."""

from __future__ import annotations

import queue
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core
from gptoss_metal.engine.disk.archive import Archive, Saved
from gptoss_metal.engine.radix import Place, Radix
from gptoss_metal.engine.stats import Counters

Tokens = npt.NDArray[np.int32]
Room = Literal["now", "later", "never"]


class Entry:
    """A stored prefix.

    Attributes:
        length: in tokens.
        prefix: None while it is on disk only.
        key: its name on disk; None if it is not there.
        users: running sequences that went on from it; it stays in memory for them.
        place: where it is in the index.
    """

    place: Place[Entry]

    def __init__(self, length: int) -> None:
        self.length: Final = length
        self.prefix: _core.Prefix | None = None
        self.key: str | None = None
        self.users = 0
        self.saving: Future[Saved] | None = None
        self.loading: Future[_core.Prefix | None] | None = None
        self.doomed = False
        """To leave memory once it is on disk."""
        self.unsaved = True
        """Whether writing it was not tried yet."""


class Prefixes:
    """Prefixes by their exact tokens, the longest unused leaving first: to disk, if there is one.

    Used by the engine's thread alone; disk work runs beside it and is noted by `settle`.

    Args:
        model: whose prefixes.
        archive: the disk; None keeps them in memory only.
        changed: called on any thread when `settle` has something to do.
        counters: where disk hits and errors are counted.
    """

    def __init__(
        self,
        model: _core.Model,
        archive: Archive | None,
        changed: Callable[[], None],
        counters: Counters,
    ) -> None:
        self._model = model
        self._archive = archive
        self._changed = changed
        self._counters = counters
        self._radix: Radix[Entry] = Radix()
        self._hot: OrderedDict[Entry, None] = OrderedDict()
        self._stored: dict[str, Entry] = {}
        self._done: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._pending = 0
        for key, tokens in archive.entries() if archive is not None else ():
            self._store(self._new(tokens), key)

    @property
    def hot(self) -> int:
        """How many are in memory."""
        return len(self._hot)

    @property
    def cold(self) -> int:
        """How many are on disk only."""
        return len(self._radix) - len(self._hot)

    @property
    def pending(self) -> bool:
        """Whether something is being written or read."""
        return self._pending > 0

    def find(self, tokens: Tokens) -> Entry | None:
        """The longest stored prefix that leaves at least one token to compute."""
        return next((entry for _, entry in self._radix.prefixes(tokens, len(tokens))), None)

    def keep(self, prefix: _core.Prefix) -> Entry:
        """Stores a prefix in memory, or finds it stored."""
        tokens = prefix.tokens
        entry = self._radix.get(tokens) or self._new(tokens)
        if entry.prefix is None:
            entry.prefix = prefix
        self._touch(entry)
        return entry

    def use(self, entry: Entry) -> _core.Prefix:
        """The prefix of a hot entry, which stays in memory until `release`."""
        assert entry.prefix is not None, "it is hot"
        entry.users += 1
        self._touch(entry)
        return entry.prefix

    def release(self, entry: Entry | None) -> None:
        """Undoes one `use`, if there is an entry."""
        if entry is not None:
            entry.users -= 1

    def make_room(self, limit: int, *, but: Entry | None = None, patient: bool = True) -> Room:
        """Drops the longest unused prefixes until all caches take at most `limit` bytes.

        Args:
            limit: bytes.
            but: an entry that must stay.
            patient: whether to write a prefix to disk before it is dropped; it then takes a while.

        Returns:
            ``later`` if there will be room when what is being written is written.
        """
        for entry in list(self._hot):
            if self._model.cache_bytes <= limit:
                break
            if entry.users or entry is but or entry.saving is not None:
                entry.doomed = entry.doomed or (entry.saving is not None and entry is not but)
            elif patient and entry.unsaved and self._archive is not None:
                entry.doomed = True
                self._save(entry, self._archive)
                break  # one at a time: less may do
            else:
                self._drop(entry)
        if self._model.cache_bytes <= limit:
            return "now"
        return "later" if any(entry.saving is not None for entry in self._hot) else "never"

    def fetch(self, entry: Entry) -> None:
        """Begins to read a cold entry into memory, unless that runs already."""
        if entry.loading is None:
            assert self._archive is not None, "it is on disk"
            entry.loading = self._archive.load(entry.place.tokens())
            self._follow(entry, entry.loading)

    def spill(self) -> bool:
        """Begins to write the longest unused prefix that is not on disk.

        Returns:
            Whether something is being written.
        """
        if self._archive is None:
            return False
        if not any(entry.saving is not None for entry in self._hot):
            unsaved = next((entry for entry in self._hot if entry.unsaved), None)
            if unsaved is None:
                return False
            self._save(unsaved, self._archive)
        return True

    def settle(self) -> None:
        """Notes what was written and read since the last call."""
        while True:
            try:
                entry = self._done.get_nowait()
            except queue.Empty:
                return
            self._pending -= 1
            if entry.loading is not None and entry.loading.done():
                self._loaded(entry, entry.loading)
            if entry.saving is not None and entry.saving.done():
                self._saved(entry, entry.saving)

    def close(self, seconds: float) -> None:
        """Writes what is not on disk, the latest used first, and forgets everything.

        Args:
            seconds: after which what is not written yet is lost.
        """
        if self._archive is not None:
            end = time.monotonic() + seconds
            for entry in reversed(self._hot):
                if entry.unsaved and entry.saving is None:
                    self._save(entry, self._archive)
                if entry.saving is not None:
                    wait([entry.saving], max(0.0, end - time.monotonic()))
                if time.monotonic() > end:
                    break
        self.abandon()

    def abandon(self) -> None:
        """Forgets everything in memory; writes nothing that is not being written."""
        if self._archive is not None:
            self._archive.close()
        for entry in self._hot:
            entry.prefix = None  # freed now, and not when the index is collected
        self._hot.clear()
        self._stored.clear()
        self._radix = Radix()

    def _new(self, tokens: Tokens) -> Entry:
        entry = Entry(len(tokens))
        entry.place = self._radix.put(tokens, entry)
        return entry

    def _touch(self, entry: Entry) -> None:
        self._hot[entry] = None
        self._hot.move_to_end(entry)

    def _store(self, entry: Entry, key: str) -> None:
        entry.key = key
        entry.unsaved = False
        self._stored[key] = entry

    def _save(self, entry: Entry, archive: Archive) -> None:
        assert entry.prefix is not None, "it is hot"
        entry.saving = archive.save(entry.prefix)
        self._follow(entry, entry.saving)

    def _follow(self, entry: Entry, work: Future[Saved] | Future[_core.Prefix | None]) -> None:
        self._pending += 1

        def note(_: object) -> None:
            self._done.put(entry)
            self._changed()

        work.add_done_callback(note)

    def _saved(self, entry: Entry, work: Future[Saved]) -> None:
        entry.saving = None
        entry.unsaved = False
        saved = work.result()
        if saved.key is None:
            self._counters.disk_errors += 1
        else:
            self._store(entry, saved.key)
        for key in saved.gone:
            self._lost(self._stored.get(key))
        if entry.doomed and entry.users == 0 and entry.prefix is not None:
            self._drop(entry)
        entry.doomed = False

    def _loaded(self, entry: Entry, work: Future[_core.Prefix | None]) -> None:
        entry.loading = None
        prefix = work.result()
        if prefix is None:
            self._lost(entry)
        elif entry.prefix is None:
            self._counters.prefix_disk_hits += 1
            entry.prefix = prefix
            self._touch(entry)

    def _drop(self, entry: Entry) -> None:
        """Out of memory; it stays in the index if it is on disk."""
        entry.prefix = None
        del self._hot[entry]
        if entry.key is None:
            self._radix.remove(entry.place.tokens())

    def _lost(self, entry: Entry | None) -> None:
        """Notes that an entry is not on disk any more."""
        if entry is None or entry.key is None:
            return
        del self._stored[entry.key]
        entry.key = None  # and it is not written again: what is used more fills the disk
        if entry.prefix is None:
            self._radix.remove(entry.place.tokens())
