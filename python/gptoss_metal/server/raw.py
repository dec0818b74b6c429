"""Continuing tokens without harmony: what is asked, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gptoss_metal.events import FinishReason, Usage
from gptoss_metal.sampling import Sampling


@dataclass(frozen=True)
class RawRequest:
    """Tokens to continue.

    Attributes:
        model: as the client named it.
        prompt: ids, at least one.
        sampling: how tokens are chosen; its stop strings are looked for in all text.
        max_tokens: the most to generate; None for what fits.
        keep_alive: as in `TurnRequest`.
    """

    model: str
    prompt: Sequence[int]
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    keep_alive: float | None = None


@dataclass(frozen=True)
class RawDone:
    """The generation is over."""

    finish_reason: FinishReason
    usage: Usage
