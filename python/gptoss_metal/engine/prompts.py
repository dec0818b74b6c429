"""Whose prompt is computed next."""

from __future__ import annotations

from collections.abc import Collection

from gptoss_metal.engine.prefixes import Prefixes
from gptoss_metal.engine.sequence import Sequence, Tokens
from gptoss_metal.sessions import common_prefix

Work = tuple[Sequence, Tokens]


class Prompts:
    """Lets prompts take turns.

    Args:
        prefixes: what others have computed.
        chunk: the most prompt tokens of a step.
        chunk_beside: the most of a step that streams wait for. Where it is less, pieces of a plan
            are divided.
    """

    def __init__(self, prefixes: Prefixes, chunk: int, chunk_beside: int) -> None:
        self._prefixes = prefixes
        self._chunk = chunk
        self._chunk_beside = chunk_beside

    def next(self, running: Collection[Sequence], now: int) -> list[Work]:
        """The pieces of the next step, of those whose turns are the longest ago.

        A prompt is left out while another one computes what both begin with.

        Args:
            running: all sequences.
            now: the number of the step.
        """
        prompts = sorted((s for s in running if s.prefilling), key=lambda s: s.turn)
        pieces: list[Work] = []
        streams_wait = len(prompts) < len(running)
        room = self._chunk_beside if streams_wait else self._chunk
        for sequence in prompts:
            if any(_computes_for(other, sequence) for other in prompts):
                continue
            self._go_on_from_stored(sequence)
            piece = sequence.work()
            if len(piece) > room:
                if pieces:
                    break
                piece = piece[:room]
            room -= len(piece)
            sequence.turn = now
            pieces.append((sequence, piece))
        return pieces

    def _go_on_from_stored(self, sequence: Sequence) -> None:
        """Skips what another sequence has computed in the meantime."""
        entry = self._prefixes.find(sequence.tokens())
        if entry is not None and entry.prefix is not None and entry.length > sequence.length:
            sequence.restore(self._prefixes.use(entry))
            self._prefixes.release(sequence.entry)
            sequence.entry = entry


def _computes_for(other: Sequence, sequence: Sequence) -> bool:
    """Whether another prompt is about to store a prefix that `sequence` can go on from."""
    if (other.length, -other.number) <= (sequence.length, -sequence.number):
        return False
    kept = other.plan.next_kept(other.length)
    if kept is None or kept >= len(sequence.known):
        return False
    return common_prefix(other.known, sequence.known) >= kept
