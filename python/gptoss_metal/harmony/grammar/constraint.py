"""One turn's constraint: llguidance's matcher, which must never stop the token loop."""

from __future__ import annotations

from collections.abc import Callable

import llguidance
import numpy as np
import numpy.typing as npt
from llguidance.numpy import fill_next_token_bitmask

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.grammar.tokenizer import SIZE

Mask = npt.NDArray[np.uint32]


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
    `failure` tells why: the parser recovers what it can.

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
            self._give_up(matcher.get_error() or "no token is allowed")
            return self._fallback
        return mask

    def accept(self, token: int) -> None:
        """Notes a token that was generated; one the grammar forbids ends the grammar's use."""
        matcher = self._followed()
        if matcher is not None and not matcher.consume_token(token):
            self._give_up(matcher.get_error())

    def _followed(self) -> llguidance.LLMatcher | None:
        if self.failure is not None:
            return None
        if self._matcher is None:
            self._matcher = self._compiled()
        if self._matcher.is_error():
            self._give_up(self._matcher.get_error())
            return None
        return self._matcher

    def _give_up(self, why: str) -> None:
        self.failure = (why.splitlines() or ["unknown"])[0]
        self._matcher = None


def _fitted(mask: Mask, vocab: int) -> Mask:
    """A mask of the whole vocabulary for a model with more or fewer logits."""
    words = (vocab + 31) // 32
    if vocab == SIZE:
        return mask
    fitted = np.zeros(words, np.uint32)
    fitted[: len(mask)] = mask[:words]
    fitted[-1] &= np.uint32(0xFFFFFFFF >> (-vocab % 32))
    return fitted
