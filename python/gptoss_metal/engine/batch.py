"""What the device computes: the running sequences, step by step."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import wait
from typing import Final

from gptoss_metal import _core
from gptoss_metal.engine.admission import Admission
from gptoss_metal.engine.facts import Facts
from gptoss_metal.engine.prefixes import Prefixes
from gptoss_metal.engine.sequence import Sequence, Tokens
from gptoss_metal.engine.stats import Counters
from gptoss_metal.engine.steps import Step, Steps
from gptoss_metal.engine.stream import Feed
from gptoss_metal.errors import Error
from gptoss_metal.sessions import common_prefix

PATIENCE: Final = 0.02
"""Seconds that a step waits for masks; a sequence whose mask takes longer sits the step out."""


class Batch:
    """Runs sequences of one loaded model together; used by the engine's thread alone.

    Each step is one forward pass: one token of every sequence that decodes, and one piece of one
    prompt. So between two tokens of a stream at most one piece of a prompt is computed; prompts
    take turns.

    Args:
        model: computes.
        facts: bounds.
        prefixes: what was computed before.
        chunk: the most tokens of a piece of a prompt.
        counters: what to count.
        steps: where steps are noted.
    """

    def __init__(
        self,
        model: _core.Model,
        facts: Facts,
        prefixes: Prefixes,
        chunk: int,
        counters: Counters,
        steps: Steps,
    ) -> None:
        self.running: Final[list[Sequence]] = []
        """In the order of arrival."""
        self.aside: Final[list[Sequence]] = []
        """Those that gave their memory to others, to go on before anybody else is let in."""
        self._model = model
        self._admission = Admission(model, facts, prefixes, chunk)
        self._prefixes = prefixes
        self._chunk = chunk
        self._counters = counters
        self._steps = steps
        self._numbers = itertools.count(1)

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
        work: list[tuple[Sequence, Tokens]] = [(s, s.work()) for s in decoding]
        prefilling = self._next_prompt()
        if prefilling is not None:
            work.append((prefilling, prefilling.work()))
        if not work:
            return chose or went_on or self._give_up_one()
        begun = time.perf_counter()
        starts = {s.number: s.length for s, _ in work}
        self._advance(work)
        seconds = time.perf_counter() - begun
        prompt = None
        if prefilling is not None:
            start = starts[prefilling.number]
            prompt = (prefilling.number, start, prefilling.length)
            self._counters.prefilled_tokens += prefilling.length - start
            if not prefilling.prefilling and not prefilling.generated:
                self._counters.cached_tokens += prefilling.feed.progress.cached_tokens
            if prefilling.length in prefilling.plan.kept and prefilling in self.running:
                self._keep(prefilling)
        self._counters.cache_peak = max(self._counters.cache_peak, self._model.cache_bytes)
        self._steps.add(Step(tuple(s.number for s in decoding), prompt, seconds))
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

    def clear(self) -> None:
        """Forgets every sequence; their readers are told elsewhere."""
        for sequence in self.all():
            sequence.close()
        self.running.clear()
        self.aside.clear()

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
        chosen = False
        for sequence in due:
            mask = sequence.masks.pending
            if mask is not None and not mask.done():
                continue
            chosen = True
            try:
                sequence.choose()
            except Exception as error:
                self._fail(sequence, as_error("[generate] no token could be chosen", error))
                continue
            self._counters.generated_tokens += 1
            if sequence.over:
                self._steps.answered(sequence.generated)
                self._end(sequence, keep=True)
        return chosen

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
            last.feed.end("length")
            self._end(last, keep=True)
            return True
        self._prefixes.keep(last.session.checkpoint())  # takes no more than its session gives back
        self.running.remove(last)
        self._let_go(last)
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
            elif room == "never" and not self.running:
                self.aside.pop(0).feed.end("length")
                sequence.close()
            else:
                break
        return len(self.aside) < before

    def _next_prompt(self) -> Sequence | None:
        """The sequence whose prompt goes on: the one whose turn is the longest ago."""
        prompts = sorted((s for s in self.running if s.prefilling), key=lambda s: s.turn)
        for sequence in prompts:
            if not any(_computes_for(other, sequence) for other in prompts):
                self._go_on_from_stored(sequence)
                sequence.turn = self._steps.count + 1
                return sequence
        return None

    def _go_on_from_stored(self, sequence: Sequence) -> None:
        """Skips what another sequence has computed in the meantime."""
        entry = self._prefixes.find(sequence.tokens())
        if entry is not None and entry.prefix is not None and entry.length > sequence.length:
            sequence.restore(self._prefixes.use(entry))
            self._let_go(sequence)
            sequence.entry = entry

    def _advance(self, work: list[tuple[Sequence, Tokens]]) -> None:
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
        self._let_go(sequence)
        sequence.close()

    def _let_go(self, sequence: Sequence) -> None:
        if sequence.entry is not None:
            self._prefixes.release(sequence.entry)
            sequence.entry = None


def _computes_for(other: Sequence, sequence: Sequence) -> bool:
    """Whether another prompt is about to store a prefix that `sequence` can go on from."""
    if (other.length, -other.number) <= (sequence.length, -sequence.number):
        return False
    kept = other.plan.next_kept(other.length)
    if kept is None or kept >= len(sequence.known):
        return False
    return common_prefix(other.known, sequence.known) >= kept


def as_error(what: str, error: BaseException) -> Error:
    """An Error of ours as it is; another one with what happened."""
    if isinstance(error, Error):
        return error.with_traceback(None)  # whose frames would keep sessions alive
    kind = type(error).__name__
    return Error(f"{what}: {kind}: {error}. Try: again; if it comes back, report it.")
