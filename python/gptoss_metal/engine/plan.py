"""Where a prompt's computation is divided, and where it is kept for other prompts."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Final

EVERY: Final = 1024
"""Tokens of prompt after which a prefix is kept, whatever it says."""
APART: Final = 128
"""Least distance in tokens of a message end from the prefix kept before it, the last one aside: a
short message costs less to compute again than a prefix costs to keep."""


class Plan:
    """The pieces in which a prompt is computed.

    They end at multiples of the chunk, counted from the start of the sequence, and where a prefix
    is kept. So they depend on the prompt alone, not on what else runs or what was cached; where
    results do not depend on them, a piece may be divided further (Prompts).

    Args:
        length: of the prompt in tokens.
        chunk: the most tokens of a piece.
        marks: prefix lengths at which messages end.
    """

    def __init__(self, length: int, chunk: int, marks: Iterable[int] = ()) -> None:
        self._length = length
        self._chunk = chunk
        self.kept: Final = _kept(length, sorted(set(marks)))
        """Prefix lengths to keep."""
        self._borders = sorted(self.kept)

    def end(self, start: int) -> int:
        """Where the piece that begins at `start` ends."""
        kept = self.next_kept(start) or self._length
        return min(kept, (start // self._chunk + 1) * self._chunk, self._length)

    def next_kept(self, start: int) -> int | None:
        """The first prefix length to keep beyond `start`, if there is one."""
        at = bisect.bisect_right(self._borders, start)
        return self._borders[at] if at < len(self._borders) else None


def _kept(length: int, marks: list[int]) -> frozenset[int]:
    kept: list[int] = []
    inner = [mark for mark in marks if 0 < mark < length]
    candidates = {*range(EVERY, length, EVERY), *inner}
    for position in sorted(candidates):
        last = kept[-1] if kept else 0
        if position % EVERY == 0 or position - last >= APART or position == inner[-1]:
            kept.append(position)
    if length - (kept[-1] if kept else 0) >= APART:
        kept.append(length)  # an answer that is sampled anew, or is dropped, begins here
    return frozenset(kept)
