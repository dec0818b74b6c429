"""What is known of the model also while it is unloaded, and what it rules out."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss_metal import checks
from gptoss_metal.engine.footprint import Footprint
from gptoss_metal.engine.job import Job
from gptoss_metal.engine.refusals import NoRoom
from gptoss_metal.errors import Error


@dataclass(frozen=True)
class Facts:
    """Bounds of every job.

    Attributes:
        footprint: of sessions.
        budget: bytes for all keys and values.
        context: the most tokens of prompt and answer together.
        vocab: number of logits.
        max_tokens: the most tokens to generate; None for any number.
    """

    footprint: Footprint
    budget: int
    context: int
    vocab: int
    max_tokens: int | None

    def check(self, job: Job) -> None:
        """Refuses what can never be computed.

        Raises:
            NoRoom: it needs more memory than there is.
            Error: its prompt or one of its numbers cannot be.
        """
        checks.prompt(job.prompt, self.vocab, self.context)
        checks.max_tokens(job.limit)
        if self.max_tokens is not None and (job.limit or 0) > self.max_tokens:
            raise Error(
                f"[engine] {job.limit} tokens are more than the {self.max_tokens} that a request "
                f"may ask for. Try: {self.max_tokens} or less."
            )
        job.sampling.sampler(self.vocab)
        needed = self.footprint.session(self.total(job, 1))
        if needed > self.budget:
            raise NoRoom(self.total(job, 1), needed, self.budget)

    def limit(self, job: Job) -> int:
        """The most tokens the job can generate."""
        room = self.context - len(job.prompt)
        return min(x for x in (room, job.limit, self.max_tokens) if x is not None)

    def total(self, job: Job, ahead: int) -> int:
        """Tokens to have memory for: with the job's limit; without one `ahead` of the prompt."""
        most = len(job.prompt) + self.limit(job)
        return most if job.limit is not None else self.ahead(len(job.prompt), ahead, most)

    def ahead(self, length: int, ahead: int, most: int) -> int:
        """`ahead` tokens more than `length`, to the end of a page, and at most `most`."""
        positions = self.footprint.positions
        return min(most, self.footprint.pages(length + ahead) * positions)
