"""What sequences take of the cache memory, in numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss_metal import _core


@dataclass(frozen=True)
class Footprint:
    """Bytes of a session's parts.

    Attributes:
        rings: of the window layers, whatever the length.
        page: of the full layers' keys and values at `positions` positions.
        positions: tokens of a page.
    """

    rings: int
    page: int
    positions: int

    @classmethod
    def of(cls, model: _core.Model, chunk: int) -> Footprint:
        """What a model's sessions take."""
        rings = model.session_bytes(0, chunk)
        page = model.session_bytes(1, chunk) - rings
        return cls(rings, page, _core.Prefix.page_positions)

    def session(self, tokens: int) -> int:
        """A session of so many tokens."""
        return self.rings + self.pages(tokens) * self.page

    def pages(self, tokens: int) -> int:
        """Pages that so many tokens lie on."""
        return -(-tokens // self.positions)

    def shared(self, length: int) -> int:
        """What a session need not take because it goes on from a prefix in memory."""
        return length // self.positions * self.page

    def growth(self, length: int, total: int) -> int:
        """What a session of `length` tokens may still take until it has `total`.

        Its last page may be part of a prefix, and is copied then; its rings are made at first use.
        """
        copy = self.page if length % self.positions else 0
        rings = 0 if length else self.rings
        return (self.pages(total) - self.pages(length)) * self.page + copy + rings

    @property
    def checkpoint(self) -> int:
        """The most that keeping a prefix takes: its window state, and a page copied on writing."""
        return self.rings + self.page
