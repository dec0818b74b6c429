"""One turn's constraint: llguidance's matcher, which must never stop the token loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import llguidance
import numpy as np
import numpy.typing as npt
from llguidance.numpy import fill_next_token_bitmask

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.grammar.tokenizer import SIZE

Mask = npt.NDArray[np.uint32]
_LOG: Final = logging.getLogger(__name__)


def harmony_mask(vocab: int) -> Mask:
    """Ordinary text and harmony's own specials; the reserved ids have no meaning.

    Args:
        vocab: number of logits.

    Returns:
        uint32 [ceil(vocab / 32)]; bit i of word i // 32 is set if token i may be generated.
    """
    allowed = np.zeros(max((vocab + 31) // 32 * 32, max(t.FORMAT) + 1), np.uint8)
    allowed[: t.ORDINARY] = 1
    allowed[list(t.FORMAT)] = 1
    allowed[vocab:] = 0
    return np.packbits(allowed[: (vocab + 31) // 32 * 32], bitorder="little").view(np.uint32)


class TurnConstraint:
    """Follows one turn, from behind ``<|start|>assistant``.

    The grammar is compiled when the first mask is asked for, on whatever thread does. If anything
    goes wrong in it, now or later, the rest of the turn is bound to `harmony_mask` only, and
    `failure` tells why, and the log says that it happened: the parser recovers what it can.

    Args:
        compiled: gives the matcher.
        fallback: `harmony_mask` of the model.
        vocab: number of logits.
    """

    def __init__(
        self, compiled: Callable[[], llguidance.LLMatcher], fallback: Mask, vocab: int
    ) -> None:
        self.failure: str | None = None
        """Why the grammar was given up, None if it was not."""
        self._compiled = compiled
        self._matcher: llguidance.LLMatcher | None = None
        self._fallback = fallback
        self._vocab = vocab

    def mask(self) -> Mask:
        """The tokens that may come next; uint32 [ceil(vocab / 32)]."""
        matcher = self._followed()
        if matcher is None:
            return self._fallback
        found = np.empty((1, (SIZE + 31) // 32), np.int32)
        fill_next_token_bitmask(matcher, found)
        mask = _fitted(found[0].view(np.uint32), self._vocab)
        if matcher.is_error() or not mask.any():
            self._give_up("it failed" if matcher.is_error() else "it allows no token", matcher)
            return self._fallback
        return mask

    def accept(self, token: int) -> None:
        """Notes a token that was generated; one the grammar forbids ends the grammar's use."""
        matcher = self._followed()
        if matcher is not None and not matcher.consume_token(token):
            self._give_up("it forbids the token that was generated", matcher)

    def _followed(self) -> llguidance.LLMatcher | None:
        if self.failure is not None:
            return None
        if self._matcher is None:
            matcher = self._compiled()
            if matcher.is_error():
                self._give_up("it does not compile", matcher)
                return None
            self._matcher = matcher
        return self._matcher

    def _give_up(self, what: str, matcher: llguidance.LLMatcher) -> None:
        self.failure = (matcher.get_error() or what).splitlines()[0]
        self._matcher = None
        # llguidance's own message may quote the schema or the answer, which logs must not hold.
        _LOG.warning(
            "[grammar] a turn goes on without its grammar: %s (%s)", what, matcher.stop_reason()
        )


def _fitted(mask: Mask, vocab: int) -> Mask:
    """A mask of the whole vocabulary for a model with more or fewer logits."""
    words = (vocab + 31) // 32
    if vocab == SIZE:
        return mask
    fitted = np.zeros(words, np.uint32)
    fitted[: len(mask)] = mask[:words]
    fitted[-1] &= np.uint32(0xFFFFFFFF >> (-vocab % 32))
    return fitted
