"""Why a request was not taken on."""

from __future__ import annotations

from gptoss_metal.errors import Error


class Busy(Error):
    """Too many requests wait already.

    Attributes:
        retry_after: whole seconds after which a place is likely to be free.
    """

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(
            f"[engine] {waiting} requests wait already. "
            f"Try: again in {retry_after} s, or serve with a longer --queue."
        )
        self.retry_after = retry_after


class NoRoom(Error):
    """The request needs more memory than there is for keys and values, however long it waits.

    Attributes:
        needed: bytes it needs.
        available: bytes there are when nothing else runs.
    """

    def __init__(self, tokens: int, needed: int, available: int) -> None:
        super().__init__(
            f"[engine] {tokens} tokens need {_megabytes(needed)} of cache and there are "
            f"{_megabytes(available)}. "
            "Try: a shorter prompt, a lower token limit, or a larger --cache-memory."
        )
        self.needed = needed
        self.available = available


class Unavailable(Error):
    """The engine takes no work now: it stops, or its model cannot be loaded."""


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
