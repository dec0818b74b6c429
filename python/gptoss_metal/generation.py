"""The token loop: prompt in, tokens out, until a stop, a limit or a cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core
from gptoss_metal.engine.constraint import Constraint, Mask
from gptoss_metal.errors import Cancelled
from gptoss_metal.events import FinishReason, Usage
from gptoss_metal.masks import MaskAhead
from gptoss_metal.sampling import Sampling
from gptoss_metal.sessions import SessionPool

T = TypeVar("T", covariant=True)
Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Request:
    """What to generate.

    Attributes:
        prompt: int32 [n] ids, at least one.
        sampling: how tokens are chosen.
        limit: the most tokens to generate, or None for as many as fit the context.
        stop_tokens: ids that end the generation.
        vocab: number of logits.
        constraint: decides which tokens may come; it follows this generation only. None for all.
    """

    prompt: Tokens
    sampling: Sampling
    limit: int | None
    stop_tokens: frozenset[int]
    vocab: int
    constraint: Constraint | None = None


@dataclass(frozen=True)
class Sampled:
    """A sampled token and, if asked for, log-probabilities under the model itself."""

    id: int
    logprob: float | None = None
    top_logprobs: tuple[tuple[int, float], ...] = ()


@dataclass
class Progress:
    """How far a generation got; `finish_reason` is None while it runs."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    finish_reason: FinishReason | None = None
    ids: list[int] = field(default_factory=list)

    def add(self, sampled: Sampled, seconds: float, reason: FinishReason | None) -> None:
        """Notes a token, the decoding time until it, and whether it is the last."""
        self.ids.append(sampled.id)
        self.completion_tokens += 1
        self.decode_seconds = seconds
        self.finish_reason = reason

    @property
    def usage(self) -> Usage:
        """Tokens and times so far."""
        return Usage(
            self.prompt_tokens,
            self.cached_tokens,
            self.completion_tokens,
            self.reasoning_tokens,
            self.prefill_seconds,
            self.decode_seconds,
        )


class Chooser:
    """Chooses one generation's tokens from logits, and knows when it is over.

    Args:
        sampling: how.
        vocab: number of logits.
        stop_tokens: ids that end the generation.
        limit: the most tokens.

    Raises:
        Error: `Sampling.logit_bias` names a token the model does not have.
    """

    def __init__(
        self, sampling: Sampling, vocab: int, stop_tokens: frozenset[int], limit: int
    ) -> None:
        self.finish_reason: FinishReason | None = None
        """None until the last token is chosen."""
        self.limit = limit
        """The most tokens; may be lowered."""
        self._sampler = sampling.sampler(vocab)
        self._logprobs = sampling.logprobs
        self._stop_tokens = stop_tokens
        self._count = 0

    def choose(self, logits: npt.NDArray[np.float32], mask: Mask | None) -> Sampled:
        """The next token.

        Args:
            logits: float32 [vocab].
            mask: the tokens that may come; None for all.
        """
        token = self._sampler.sample(logits, mask)
        self._sampler.accept(token)
        self._count += 1
        if token in self._stop_tokens:
            self.finish_reason = "stop"
        elif self._count >= self.limit:
            self.finish_reason = "length"
        if self._logprobs is None:
            return Sampled(token)
        logprob, top = _core.logprobs(logits, token, self._logprobs)
        return Sampled(token, logprob, tuple(top))


class Run:
    """One generation's hold on a session, and the switch that cancels it from any thread."""

    def __init__(self, pool: SessionPool) -> None:
        self.progress = Progress()
        self._pool = pool
        self._state = threading.Condition()
        self._cancelled = False
        self._computing: tuple[_core.Session, int] | None = None

    def cancel(self) -> None:
        """Stops the generation at the next token, or within a long prompt.

        A session forgets a cancel that meets it just before it begins to compute; so the cancel is
        repeated until the computation, if one runs on another thread, is over.
        """
        with self._state:
            self._cancelled = True
            while self._computing is not None and self._computing[1] != threading.get_ident():
                self._computing[0].cancel()
                self._state.wait(0.002)

    def sample(self, request: Request) -> Generator[Sampled, None, None]:
        """Yields tokens, the stop token too; then `progress.finish_reason` is set."""
        self.progress.prompt_tokens = len(request.prompt)
        session = self._pool.borrow(request.prompt)
        try:
            with MaskAhead(request.constraint) as masks:
                yield from self._sample(session, request, masks)
        except Cancelled:
            self.progress.finish_reason = "cancelled"
        finally:
            self._pool.give_back(session)

    def _sample(
        self, session: _core.Session, request: Request, masks: MaskAhead
    ) -> Iterator[Sampled]:
        progress = self.progress
        room = session.context - len(request.prompt)
        limit = room if request.limit is None else min(request.limit, room)
        chooser = Chooser(request.sampling, request.vocab, request.stop_tokens, limit)
        begun = time.perf_counter()
        computed = self._compute(session, partial(session.sync, request.prompt))
        progress.cached_tokens = len(request.prompt) - computed
        ready = time.perf_counter()
        progress.prefill_seconds = ready - begun
        while True:
            sampled = chooser.choose(session.logits(), masks.next())
            progress.add(sampled, time.perf_counter() - ready, chooser.finish_reason)
            yield sampled
            if progress.finish_reason is not None:
                return
            paused = time.perf_counter()
            ready += paused - (ready + progress.decode_seconds)  # the consumer's own time
            masks.accept(sampled.id)
            self._compute(session, partial(session.step, sampled.id))

    def _compute(self, session: _core.Session, work: Callable[[], T]) -> T:
        with self._state:
            if self._cancelled:
                raise Cancelled("[generate] cancelled. Try: ask again.")
            self._computing = session, threading.get_ident()
        try:
            return work()
        finally:
            with self._state:
                self._computing = None
                self._state.notify_all()


class Generation(Generic[T]):
    """An iterator over what is generated, which can be cancelled from any thread.

    Closing it, or leaving its ``with`` block, frees its session for the next call.
    """

    def __init__(self, run: Run, body: Iterator[T]) -> None:
        self._run = run
        self._body = body

    def __iter__(self) -> Generation[T]:
        """Iterates over itself."""
        return self

    def __next__(self) -> T:
        """Computes until there is something to yield."""
        return next(self._body)

    def __enter__(self) -> Generation[T]:
        """Closes at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes."""
        self.close()

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended; None while it runs or if it was closed early."""
        return self._run.progress.finish_reason

    @property
    def usage(self) -> Usage:
        """Tokens and times so far."""
        return self._run.progress.usage

    @property
    def ids(self) -> list[int]:
        """The ids generated so far, stop token included."""
        return list(self._run.progress.ids)

    def cancel(self) -> None:
        """Ends the generation from any thread: ``finish_reason`` becomes ``cancelled``."""
        self._run.cancel()

    def close(self) -> None:
        """Abandons the rest."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
