"""Sessions that are kept between calls, so that a conversation computes only what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from gptoss_metal._core import Session


class SessionPool:
    """Idle sessions; thread-safe.

    Args:
        make: makes a new session.
        keep: how many idle ones are kept; their caches take memory.
    """

    def __init__(self, make: Callable[[], Session], keep: int = 2) -> None:
        self._make = make
        self._keep = keep
        self._idle: list[Session] = []
        self._lock = threading.Lock()

    def borrow(self, tokens: npt.NDArray[np.int32]) -> Session:
        """The idle session that shares the longest prefix with `tokens`, else a new one."""
        with self._lock:
            if self._idle:
                shared = [common_prefix(session.tokens, tokens) for session in self._idle]
                newest = len(shared) - 1
                best = max(range(len(shared)), key=lambda i: (shared[i], i == newest))
                return self._idle.pop(best)
        return self._make()

    def give_back(self, session: Session) -> None:
        """Takes a session back; the one unused for longest goes if there are too many."""
        with self._lock:
            self._idle.append(session)
            del self._idle[: -self._keep]


def common_prefix(left: npt.NDArray[np.int32], right: npt.NDArray[np.int32]) -> int:
    """How many leading tokens two sequences share."""
    n = min(len(left), len(right))
    different = np.flatnonzero(left[:n] != right[:n])
    return int(different[0]) if len(different) else n
