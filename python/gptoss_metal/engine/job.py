"""What a request asks of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gptoss_metal.engine.constraint import Constraint
from gptoss_metal.harmony import tokens as t
from gptoss_metal.sampling import Sampling

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Job:
    """One generation.

    Attributes:
        prompt: int32 [n] ids, at least one.
        sampling: how tokens are chosen; its stop strings are the consumer's business.
        limit: the most tokens to generate; None for as many as fit.
        stop_tokens: ids that end the generation.
        constraint: what may come next; None for anything.
        marks: lengths of prompt prefixes at which messages end: what another prompt may share.
        keep_alive: seconds the model stays loaded after this generation; None for the engine's
            own, negative for ever.
    """

    prompt: Tokens
    sampling: Sampling = field(default_factory=Sampling)
    limit: int | None = None
    stop_tokens: frozenset[int] = t.STOP
    constraint: Constraint | None = None
    marks: tuple[int, ...] = ()
    keep_alive: float | None = None
