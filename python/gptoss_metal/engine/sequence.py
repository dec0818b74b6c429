"""One generation that is being computed."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core
from gptoss_metal.engine.facts import Facts
from gptoss_metal.engine.plan import Plan
from gptoss_metal.engine.prefixes import Entry
from gptoss_metal.engine.stream import Feed
from gptoss_metal.generation import Chooser, Sampled
from gptoss_metal.masks import MaskAhead

Tokens = npt.NDArray[np.int32]


class Sequence:
    """A session, and what is done with it next: a piece of its prompt, a choice, or a step.

    Attributes:
        feed: its reader, and its job.
        number: tells sequences apart in the log of steps, and which came first.
        turn: when its prompt was last worked on, in steps.
        entry: the prefix it went on from, in use; or None.
        total: tokens that memory is reserved for.
        length: tokens computed or restored.
        generated: tokens chosen.
        computed: prompt tokens computed.
        chosen: the token to be computed next; None while the prompt is computed, or a choice due.
    """

    def __init__(self, feed: Feed, session: _core.Session, facts: Facts, total: int) -> None:
        job = feed.job
        self.number = 0
        self.turn = 0
        self.feed: Final = feed
        self.prompt: Final = np.ascontiguousarray(job.prompt, np.int32)
        self.session: Final = session
        self.plan: Final = Plan(len(self.prompt), session.chunk, job.marks)
        self.limit: Final = facts.limit(job)
        self.total = total
        self.entry: Entry | None = None
        self.length = 0
        self.generated = 0
        self.computed = 0
        self.chosen: int | None = None
        self._chooser = Chooser(job.sampling, facts.vocab, job.stop_tokens, self.limit)
        self._masks = MaskAhead(job.constraint).__enter__()
        self._begun = time.perf_counter()
        self._ready = self._begun

    @property
    def prefilling(self) -> bool:
        """Whether its prompt is not computed yet."""
        return self.length < len(self.prompt)

    @property
    def chooses(self) -> bool:
        """Whether its next token is to be chosen."""
        return not self.prefilling and self.chosen is None

    @property
    def masks(self) -> MaskAhead:
        """What may come next."""
        return self._masks

    @property
    def over(self) -> bool:
        """Whether its last token was chosen."""
        return self._chooser.finish_reason is not None

    def restore(self, prefix: _core.Prefix) -> None:
        """Goes on from a prefix of its prompt."""
        self.session.restore(prefix)
        self.length = prefix.length

    def work(self) -> Tokens:
        """What to compute next: a piece of the prompt, or the token chosen."""
        if self.prefilling:
            return self.prompt[self.length : self.plan.end(self.length)]
        assert self.chosen is not None, "a choice is made before a step"
        return np.array([self.chosen], np.int32)

    def advanced(self, count: int) -> None:
        """Notes that `work` was computed."""
        self.length += count
        self.chosen = None
        if self.generated == 0:
            self.computed += count
            if not self.prefilling:
                self._ready = time.perf_counter()
                progress = self.feed.progress
                progress.prefill_seconds = self._ready - self._begun
                progress.cached_tokens = len(self.prompt) - self.computed

    def choose(self) -> Sampled:
        """Chooses the next token, and hands it to the reader.

        Raises:
            Exception: whatever the constraint raises, or that it allows nothing.
        """
        sampled = self._chooser.choose(self.session.logits(), self._masks.next())
        self.generated += 1
        reason = self._chooser.finish_reason
        if reason is None:
            self.chosen = sampled.id
            self._masks.accept(sampled.id)
        self.feed.put(sampled, time.perf_counter() - self._ready, reason)
        return sampled

    def close(self) -> None:
        """Lets the thread of its masks go."""
        self._masks.__exit__(None, None, None)
