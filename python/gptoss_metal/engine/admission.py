"""Memory for keys and values: who gets it, so that it never runs out."""

from __future__ import annotations

import time
from collections.abc import Sequence as Many
from typing import Final

from gptoss_metal import _core
from gptoss_metal.engine.facts import Facts
from gptoss_metal.engine.prefixes import Entry, Prefixes, Room
from gptoss_metal.engine.refusals import NoRoom
from gptoss_metal.engine.sequence import Sequence
from gptoss_metal.engine.stream import Feed

AHEAD: Final = 2048
"""Tokens that memory is reserved for at a time where a job names no limit."""
SHORT: Final = 1.0
"""Seconds that memory must be lacking though nothing runs, before a job is told so: another thread
may still hold what was dropped."""


class Admission:
    """Keeps what there is, and what running sequences may still grow by, within the budget.

    Args:
        model: whose cache bytes count.
        facts: the budget, and what sequences take.
        prefixes: give way.
        chunk: of the sessions it makes.
    """

    def __init__(self, model: _core.Model, facts: Facts, prefixes: Prefixes, chunk: int) -> None:
        self._model = model
        self._facts = facts
        self._prefixes = prefixes
        self._chunk = chunk
        self._fetching: tuple[Entry, int] | None = None
        self._short_since: float | None = None

    def admit(self, feed: Feed, running: Many[Sequence]) -> Sequence | None:
        """A sequence for a job, restored from the longest stored prefix; None if it must wait.

        Raises:
            NoRoom: there is not enough memory though nothing else takes any.
            Error: the job's numbers cannot be.
        """
        if self._incoming():
            return None
        job, facts = feed.job, self._facts
        found = self._prefixes.find(job.prompt)
        for total in (facts.total(job, AHEAD), facts.total(job, 1)):
            for entry in (found, None):
                room = self._room(self._need(entry, total), running, but=entry)
                if room == "now":
                    return self._begin(feed, entry, total)
                if room == "later" or running:
                    return None
        if not self.lasting():
            return None
        total = facts.total(job, 1)
        raise NoRoom(total, facts.footprint.session(total), facts.budget - self._model.cache_bytes)

    def readmit(self, sequence: Sequence, running: Many[Sequence]) -> Room:
        """Restores a sequence that was set aside, if there is memory for it again."""
        if self._incoming():
            return "later"
        entry = self._prefixes.find(sequence.tokens())
        length = len(sequence.known)
        total = self._facts.ahead(length, AHEAD if running else 1, sequence.most)
        room = self._room(self._need(entry, total), running, but=entry)
        if room != "now" and not running:
            entry = None
            room = self._room(self._need(entry, total), running)
        if room != "now" or self._fetches(entry):
            return "later" if room == "now" else room
        sequence.total = total
        if entry is not None:
            self._restore(sequence, entry)
        return "now"

    def may_keep(self, running: Many[Sequence]) -> bool:
        """Whether there is room for one more prefix; colder ones are dropped for it."""
        need = self._facts.footprint.checkpoint
        return self._room(need, running, patient=False) == "now"

    def extend(self, sequence: Sequence, running: Many[Sequence]) -> Room:
        """Reserves memory for the next tokens of a sequence whose job names no limit."""
        footprint = self._facts.footprint
        room: Room = "never"
        for ahead in (AHEAD, 1):
            total = self._facts.ahead(sequence.total, ahead, sequence.most)
            more = (footprint.pages(total) - footprint.pages(sequence.total)) * footprint.page
            room = self._room(more, running)
            if room == "now":
                sequence.total = total
                break
        return room

    def session(self) -> _core.Session:
        """A session that takes no memory yet."""
        return _core.Session(self._model, self._facts.context, self._chunk)

    def _need(self, entry: Entry | None, total: int) -> int:
        footprint = self._facts.footprint
        if entry is None:
            return footprint.session(total)
        need = footprint.session(total) - footprint.shared(entry.length)
        return need if entry.prefix is not None else need + footprint.session(entry.length)

    def _room(
        self,
        need: int,
        running: Many[Sequence],
        *,
        but: Entry | None = None,
        patient: bool = True,
    ) -> Room:
        footprint = self._facts.footprint
        growth = sum(footprint.growth(sequence.length, sequence.total) for sequence in running)
        limit = self._facts.budget - growth - need - self._incoming()
        if limit < 0:
            return "never"
        room = self._prefixes.make_room(limit, but=but, patient=patient)
        if room == "now":
            self._short_since = None
        return room

    def lasting(self) -> bool:
        """Whether memory has been lacking for a while; asked where nothing runs that frees any."""
        if self._short_since is None:
            self._short_since = time.monotonic()
        return time.monotonic() - self._short_since > SHORT

    def _incoming(self) -> int:
        """Bytes of the prefix that is being read from disk."""
        if self._fetching is not None and self._fetching[0].loading is None:
            self._fetching = None
        return self._fetching[1] if self._fetching is not None else 0

    def _begin(self, feed: Feed, entry: Entry | None, total: int) -> Sequence | None:
        if self._fetches(entry):
            return None
        sequence = Sequence(feed, self.session(), self._facts, total)
        if entry is not None:
            self._restore(sequence, entry)
        return sequence

    def _fetches(self, entry: Entry | None) -> bool:
        """Whether an entry is on disk only; then it is being read."""
        if entry is None or entry.prefix is not None:
            return False
        if self._fetching is None:
            self._fetching = entry, self._facts.footprint.session(entry.length)
            self._prefixes.fetch(entry)
        return True

    def _restore(self, sequence: Sequence, entry: Entry) -> None:
        sequence.restore(self._prefixes.use(entry))
        sequence.entry = entry
