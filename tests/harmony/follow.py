"""Following a constraint along tokens, as the token loop does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gptoss_metal.harmony.grammar.constraint import TurnConstraint
from gptoss_metal.harmony.vocabulary import Vocabulary


def allowed(constraint: TurnConstraint) -> npt.NDArray[np.int64]:
    """The tokens that may come next, ascending."""
    bits = np.unpackbits(constraint.mask().view(np.uint8), bitorder="little")
    return np.flatnonzero(bits)


def refused(vocabulary: Vocabulary, constraint: TurnConstraint, stream: str | Sequence[int]) -> str:
    """Text from the first token on that the constraint forbids; empty if it allows all."""
    text = isinstance(stream, str)
    ids = vocabulary.encode(str(stream), specials=True) if text else [int(i) for i in stream]
    for place, token in enumerate(ids):
        if token not in allowed(constraint):
            return vocabulary.text(ids[place:])
        constraint.accept(token)
        assert constraint.failure is None, constraint.failure
    return ""
