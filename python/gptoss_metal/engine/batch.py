"""What the device computes: the running sequences, step by step."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

from gptoss_metal import _core
from gptoss_metal.engine.admission import Admission
from gptoss_metal.engine.facts import Facts
from gptoss_metal.engine.prefixes import Prefixes
from gptoss_metal.engine.prompts import Prompts, Work
from gptoss_metal.engine.sequence import Sequence
from gptoss_metal.engine.stats import Counters
from gptoss_metal.engine.steps import Step, Steps
from gptoss_metal.engine.stream import Feed
from gptoss_metal.errors import Error

PATIENCE: Final = 0.02
"""Seconds that a step waits for masks; a sequence whose mask takes longer sits the step out."""


class Batch:
    """Runs sequences of one loaded model together; used by the engine's thread alone.

    Each step is one forward pass: one token of every sequence that decodes, and pieces of prompts.
    So between two tokens of a stream at most `chunk_beside` prompt tokens are computed.

    Args:
        model: computes.
        facts: bounds.
        prefixes: what was computed before.
        chunk: the most prompt tokens of a step.
        chunk_beside: the most of a step that streams wait for.
        counters: what to count.
        steps: where steps are noted.
    """

    def __init__(
        self,
        model: _core.Model,
        facts: Facts,
        prefixes: Prefixes,
        chunk: int,
        chunk_beside: int,
        counters: Counters,
        steps: Steps,
    ) -> None:
        self.running: Final[list[Sequence]] = []
        """In the order of arrival."""
        self.aside: Final[list[Sequence]] = []
        """Those that gave their memory to others, to go on before anybody else is let in."""
        self._model = model
        self._admission = Admission(model, facts, prefixes, chunk)
        self._prompts = Prompts(prefixes, chunk, chunk_beside)
        self._prefixes = prefixes
        self._chunk = chunk
        self._counters = counters
        self._steps = steps
        self._numbers = itertools.count(1)
        self._choosers = ThreadPoolExecutor(os.cpu_count(), "gptoss-metal-chooser")

    def admit(self, feed: Feed) -> bool:
        """Takes on a job, if there is memory now.

        Raises:
            Error: it can never be computed.
        """
        if self.aside:
            return False
        sequence = self._admission.admit(feed, self.running)
        if sequence is None:
            return False
        sequence.number = next(self._numbers)
        sequence.turn = self._steps.count
        self.running.append(sequence)
        self._counters.prefix_hits += sequence.entry is not None
        return True

    def step(self) -> bool:
        """Chooses what can be chosen, and computes one step; False if there was nothing to do."""
        chose = self._choose()
        decoding = [s for s in self.running if s.decodes and self._has_memory(s)]
        starved = any(s.decodes and s not in decoding for s in self.running)
        went_on = not starved and self._take_back()
        pieces = self._prompts.next(self.running, self._steps.count + 1)
        work: list[Work] = [(s, s.work()) for s in decoding] + pieces
        if not work:
            return chose or went_on or self._give_up_one()
        log = tuple((s.number, s.length, s.length + len(piece)) for s, piece in pieces)
        begun = time.perf_counter()
        self._advance(work)
        seconds = time.perf_counter() - begun
        for sequence, piece in pieces:
            if sequence in self.running:
                self._note_piece(sequence, len(piece))
        self._counters.cache_peak = max(self._counters.cache_peak, self._model.cache_bytes)
        self._steps.add(Step(tuple(s.number for s in decoding), log, seconds))
        return True

    def drop_cancelled(self) -> None:
        """Frees what nobody reads any more."""
        for sequence in [s for s in self.running if s.feed.cancelled]:
            self._counters.cancelled += 1
            self._end(sequence, keep=True)
        for sequence in [s for s in self.aside if s.feed.cancelled]:
            self._counters.cancelled += 1
            self.aside.remove(sequence)
            sequence.close()

    def close(self) -> None:
        """Forgets every sequence; their readers are told elsewhere."""
        for sequence in self.all():
            sequence.close()
        self.running.clear()
        self.aside.clear()
        self._choosers.shutdown()

    def all(self) -> list[Sequence]:
        """Those that run, and those set aside."""
        return [*self.running, *self.aside]

    @property
    def busy(self) -> bool:
        """Whether there is any sequence."""
        return bool(self.running or self.aside)

    def outlook(self) -> Iterator[tuple[int, int, int]]:
        """Of each sequence: prompt pieces left, tokens chosen, most tokens. From any thread."""
        for s in list(self.running):
            yield max(0, len(s.known) - s.length) // self._chunk, s.generated, s.limit

    def _choose(self) -> bool:
        """Chooses the next token of every sequence whose mask is known."""
        due = [s for s in self.running if s.chooses]
        pending = [mask for s in due if (mask := s.masks.pending) is not None]
        if pending:
            wait(pending, PATIENCE)
        ready = [s for s in due if s.masks.pending is None or s.masks.pending.done()]
        for sequence, error in zip(ready, self._all_choose(ready), strict=True):
            if error is not None:
                self._fail(sequence, error)
                continue
            self._counters.generated_tokens += 1
            if sequence.over:
                self._steps.answered(sequence.generated)
                self._end(sequence, keep=True)
        return bool(ready)

    def _all_choose(self, ready: list[Sequence]) -> list[Error | None]:
        """Lets sequences choose, several at the same time; returns what went wrong for each."""
        if len(ready) < 2:
            return [_try_to_choose(sequence) for sequence in ready]
        return list(self._choosers.map(_try_to_choose, ready))

    def _has_memory(self, sequence: Sequence) -> bool:
        if sequence.length < sequence.total:
            return True
        return self._admission.extend(sequence, self.running) == "now"

    def _give_up_one(self) -> bool:
        """Where all sequences need more memory and none will free any, the last one steps aside.

        One that is alone has all the memory there is: it ends there.
        """
        stuck = [s for s in self.running if s.decodes]
        if not stuck or len(stuck) < len(self.running) or self._prefixes.pending:
            return False
        last = stuck[-1]
        if len(stuck) == 1:
            if not self._admission.lasting():
                return False
            last.feed.end("length")
            self._end(last, keep=True)
            return True
        self._prefixes.keep(last.session.checkpoint())  # takes no more than its session gives back
        self.running.remove(last)
        self._prefixes.release(last.entry)
        last.entry = None
        last.set_aside(self._admission.session())
        self.aside.append(last)
        return True

    def _take_back(self) -> bool:
        """Goes on with what was set aside, the first one first; whether there was any."""
        before = len(self.aside)
        while self.aside:
            sequence = self.aside[0]
            room = self._admission.readmit(sequence, self.running)
            if room == "now":
                self.running.append(self.aside.pop(0))
            elif room == "never" and not self.running and self._admission.lasting():
                self.aside.pop(0).feed.end("length")
                sequence.close()
            else:
                break
        return len(self.aside) < before

    def _advance(self, work: list[Work]) -> None:
        """Computes; after an error each sequence alone, so that only the one at fault fails."""
        failure = None
        try:
            _core.advance([(sequence.session, tokens) for sequence, tokens in work])
        except (Error, MemoryError) as error:
            failure = as_error("[generate] the computation failed", error)
        if failure is None:
            for sequence, tokens in work:
                sequence.advanced(len(tokens))
        elif len(work) == 1:
            self._fail(work[0][0], failure)
        else:
            for item in work:
                self._advance([item])

    def _note_piece(self, sequence: Sequence, tokens: int) -> None:
        self._counters.prefilled_tokens += tokens
        if not sequence.prefilling and not sequence.generated:
            self._counters.cached_tokens += sequence.feed.progress.cached_tokens
        if sequence.length in sequence.plan.kept:
            self._keep(sequence)

    def _keep(self, sequence: Sequence) -> None:
        if self._admission.may_keep(self.running):
            self._prefixes.keep(sequence.session.checkpoint())

    def _fail(self, sequence: Sequence, error: Error) -> None:
        sequence.feed.end(error=error)
        self._counters.failed += 1
        self._end(sequence, keep=False)

    def _end(self, sequence: Sequence, *, keep: bool) -> None:
        if keep and sequence.generated > 1:
            self._keep(sequence)
        self.running.remove(sequence)
        self._prefixes.release(sequence.entry)
        sequence.close()


def _try_to_choose(sequence: Sequence) -> Error | None:
    try:
        sequence.choose()
    except Exception as error:
        return as_error("[generate] no token could be chosen", error)
    return None


def as_error(what: str, error: BaseException) -> Error:
    """An Error of ours as it is; another one with what happened."""
    if isinstance(error, Error):
        return error.with_traceback(None)  # whose frames would keep sessions alive
    kind = type(error).__name__
    return Error(f"{what}: {kind}: {error}. Try: again; if it comes back, report it.")
