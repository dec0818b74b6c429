"""What was computed lately, and how long it took."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

RECENT: Final = 1024
"""Steps that are remembered."""
TYPICAL: Final = 256
"""Tokens of an answer, as long as none has ended."""
LONGEST_RETRY: Final = 120


@dataclass(frozen=True)
class Step:
    """One forward pass.

    Attributes:
        decoded: numbers of the sequences that got one token more.
        prefilled: numbers of the sequences whose prompts went on, and from where to where.
        seconds: how long it took.
    """

    decoded: tuple[int, ...]
    prefilled: tuple[tuple[int, int, int], ...]
    seconds: float


class Steps:
    """The log of steps, and what it tells about the time things take."""

    def __init__(self) -> None:
        self.recent: Final[deque[Step]] = deque(maxlen=RECENT)
        """The last steps, in order."""
        self.count = 0
        """Of all steps."""
        self.seconds = 0.0
        """Of all steps."""
        self._lengths: deque[int] = deque(maxlen=64)

    def add(self, step: Step) -> None:
        """Notes a step."""
        self.recent.append(step)
        self.count += 1
        self.seconds += step.seconds

    def answered(self, tokens: int) -> None:
        """Notes the length of an answer that ended."""
        self._lengths.append(tokens)

    def quantile(self, share: float) -> float:
        """The seconds within which that share of the recent steps was computed."""
        seconds = sorted(step.seconds for step in list(self.recent))
        return seconds[min(len(seconds) - 1, int(share * len(seconds)))] if seconds else 0.0

    def retry_after(self, running: Iterable[tuple[int, int, int]]) -> int:
        """Whole seconds until one of the running sequences has probably ended.

        Args:
            running: for each, the prompt chunks left, the tokens generated and the most tokens.
        """
        lengths = list(self._lengths)
        usual = sum(lengths) / len(lengths) if lengths else TYPICAL
        recent = list(self.recent)[-64:]
        pace = sum(step.seconds for step in recent) / len(recent) if recent else 0.1
        left = [chunks + max(1, min(usual, most) - done) for chunks, done, most in running]
        seconds = min(left, default=1) * pace
        return max(1, min(LONGEST_RETRY, math.ceil(seconds)))
