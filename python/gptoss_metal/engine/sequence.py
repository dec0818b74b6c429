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
from gptoss_metal.generation import Chooser
from gptoss_metal.masks import MaskAhead

Tokens = npt.NDArray[np.int32]


class Sequence:
    """A session, and what is done with it next: a piece of its prompt, a choice, or a step.

    Attributes:
        feed: its reader, and its job.
        session: what computes it.
        number: tells sequences apart in the log of steps, and which came first.
        turn: when its prompt was last worked on, in steps.
        entry: the prefix it went on from, in use; or None.
        total: tokens that memory is reserved for.
        limit: the most tokens to choose.
        known: int32 [n], to be computed before the next choice or step: the prompt; and after it
            was set aside, what it had generated.
        plan: the pieces in which they are computed.
        length: tokens computed or restored.
        chosen: the token to be computed after them; None if it is to be chosen.
    """

    def __init__(self, feed: Feed, session: _core.Session, facts: Facts, total: int) -> None:
        job = feed.job
        self.feed: Final = feed
        self.session = session
        self.number = 0
        self.turn = 0
        self.entry: Entry | None = None
        self.total = total
        self.limit: Final = facts.limit(job)
        self.known: Tokens = np.ascontiguousarray(job.prompt, np.int32)
        self.plan = Plan(len(self.known), session.chunk, job.marks)
        self.length = 0
        self.chosen: int | None = None
        self._generated: list[int] = []
        self._computed = 0
        self._chooser = Chooser(job.sampling, facts.vocab, job.stop_tokens, self.limit)
        self._masks = MaskAhead(job.constraint).__enter__()
        self._begun = time.perf_counter()
        self._ready = self._begun

    @property
    def generated(self) -> int:
        """How many tokens were chosen."""
        return len(self._generated)

    @property
    def prefilling(self) -> bool:
        """Whether known tokens are to be computed."""
        return self.length < len(self.known)

    @property
    def chooses(self) -> bool:
        """Whether its next token is to be chosen."""
        return not self.prefilling and self.chosen is None

    @property
    def decodes(self) -> bool:
        """Whether the token that was chosen is to be computed."""
        return not self.prefilling and self.chosen is not None

    @property
    def masks(self) -> MaskAhead:
        """What may come next."""
        return self._masks

    @property
    def over(self) -> bool:
        """Whether its last token was chosen."""
        return self._chooser.finish_reason is not None

    @property
    def most(self) -> int:
        """The most tokens it can have."""
        return len(self.feed.job.prompt) + self.limit

    def restore(self, prefix: _core.Prefix) -> None:
        """Goes on from a prefix of its tokens."""
        self.session.restore(prefix)
        self.length = prefix.length

    def set_aside(self, session: _core.Session) -> None:
        """Gives its memory back, to go on later from the same token in another session."""
        kept = np.array(self._generated[:-1], np.int32)
        self.known = np.concatenate([self.feed.job.prompt, kept]).astype(np.int32)
        self.plan = Plan(len(self.known), session.chunk, self.feed.job.marks)
        self.session = session
        self.length = 0

    def tokens(self) -> Tokens:
        """All tokens it has, computed or not."""
        chosen = [] if self.chosen is None else [self.chosen]
        return np.append(self.known, np.array(chosen, np.int32))

    def work(self) -> Tokens:
        """What to compute next: a piece of what is known, or the token chosen."""
        if self.prefilling:
            return self.known[self.length : self.plan.end(self.length)]
        assert self.chosen is not None, "a choice is made before a step"
        return np.array([self.chosen], np.int32)

    def advanced(self, count: int) -> None:
        """Notes that `work` was computed."""
        if not self.prefilling:
            self.chosen = None
        self.length += count
        if not self._generated:
            self._computed += count
            if not self.prefilling:
                self._ready = time.perf_counter()
                progress = self.feed.progress
                progress.prefill_seconds = self._ready - self._begun
                progress.cached_tokens = len(self.known) - self._computed

    def choose(self) -> None:
        """Chooses the next token, and hands it to the reader.

        Raises:
            Exception: whatever the constraint raises, or that it allows nothing.
        """
        sampled = self._chooser.choose(self.session.logits(), self._masks.next())
        self._generated.append(sampled.id)
        reason = self._chooser.finish_reason
        if reason is None:
            self.chosen = sampled.id
            self._masks.accept(sampled.id)
        self.feed.put(sampled, time.perf_counter() - self._ready, reason)

    def close(self) -> None:
        """Frees its session, also if an error's traceback still refers to it; and its thread."""
        del self.session
        self._masks.__exit__(None, None, None)
