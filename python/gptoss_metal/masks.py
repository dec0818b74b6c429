"""Masks of a constraint, computed while the device is busy."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from gptoss_metal.engine.constraint import Constraint, Mask


class MaskAhead:
    """Computes the next mask on a thread of its own, as soon as the token before it is known.

    Used as a context manager: the first mask is begun when the block is entered, while the prompt
    is computed.

    Args:
        constraint: what may be said; None allows everything, and starts no thread.
    """

    def __init__(self, constraint: Constraint | None) -> None:
        self._constraint = constraint
        self._thread: ThreadPoolExecutor | None = None
        self._next: Future[Mask | None] | None = None

    def __enter__(self) -> MaskAhead:
        """Begins the first mask."""
        if self._constraint is not None:
            self._thread = ThreadPoolExecutor(1, "gptoss-metal-mask")
            self._next = self._thread.submit(self._constraint.mask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lets the thread go; a mask that it still computes is waited for by nobody."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def pending(self) -> Future[Mask | None] | None:
        """What computes the next mask; None where everything is allowed."""
        return self._next

    def next(self) -> Mask | None:
        """The tokens that may come next, None for all; waits until they are known."""
        return None if self._next is None else self._next.result()

    def accept(self, token: int) -> None:
        """Notes a token that was generated, and begins the mask of the one after it."""
        if self._thread is not None:
            self._next = self._thread.submit(self._advance, token)

    def _advance(self, token: int) -> Mask | None:
        assert self._constraint is not None, "only a constraint has a thread"
        self._constraint.accept(token)
        return self._constraint.mask()
