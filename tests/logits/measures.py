"""How far two sets of logits are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.reference.formats import Float64

Logits = npt.NDArray[np.floating]
"""[tokens, vocab]"""


@dataclass(frozen=True)
class Difference:
    """Of two sets of logits, in standard deviations of the second one's."""

    largest: float
    median: float
    """Median over tokens of each token's largest."""
    worst_token: int
    same_argmax: bool

    def __str__(self) -> str:
        """One line of a table."""
        argmax = "same argmax" if self.same_argmax else "ARGMAX DIFFERS"
        return (
            f"max {self.largest:.1e} (token {self.worst_token}), median {self.median:.1e}, {argmax}"
        )


def difference(ours: Logits, theirs: Logits) -> Difference:
    """Compare logits of the same tokens."""
    assert ours.shape == theirs.shape
    assert np.isfinite(ours).all()
    assert np.isfinite(theirs).all()
    per_token = np.abs(ours.astype(np.float64) - theirs).max(axis=1) / np.std(theirs)
    return Difference(
        largest=float(per_token.max()),
        median=float(np.median(per_token)),
        worst_token=int(per_token.argmax()),
        same_argmax=bool((ours.argmax(axis=1) == theirs.argmax(axis=1)).all()),
    )


def mean_kl(truth: Logits, approximation: Logits) -> float:
    """Mean over tokens of KL(truth ‖ approximation), in nats."""
    p, q = _log_softmax(truth), _log_softmax(approximation)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def argmax_agreement(truth: Logits, approximation: Logits) -> float:
    """Share of tokens whose most likely successor is the same."""
    return float((truth.argmax(axis=1) == approximation.argmax(axis=1)).mean())


def _log_softmax(logits: Logits) -> Float64:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    logarithms: Float64 = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms
