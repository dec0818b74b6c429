"""The measurement itself: every point up, then down, round by round; and what comes of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.peers.summary import Figure


@dataclass(frozen=True)
class Round:
    """Seconds per token (or per load) at each point, and what memory delivered beside them.

    Attributes:
        up: in the first pass, from the first point to the last.
        down: in the second, from the last to the first.
        read_gbs: 10^9 bytes/s, before each of the two.
    """

    up: dict[int, float]
    down: dict[int, float]
    read_gbs: tuple[float, float]

    def seconds(self, point: int) -> float:
        """Of both passes, so that a machine that drifts drifts for all points."""
        return (self.up[point] + self.down[point]) / 2

    def bandwidth(self) -> float:
        """Of both passes, 10^9 bytes/s."""
        return statistics.mean(self.read_gbs)


@dataclass(frozen=True)
class Row:
    """One point over all rounds.

    Attributes:
        value: in the unit of the series.
        ratio: over the first point in the same round.
        read: the share of the read bandwidth beside it; None where bytes are not the measure.
    """

    point: int
    value: Figure
    ratio: Figure
    read: Figure | None


def measure(
    points: Sequence[int],
    rounds: int,
    seconds: Callable[[int], float],
    bandwidth: Callable[[], float],
) -> list[Round]:
    """Measure so many rounds, after each point was met once untimed.

    Args:
        points: in ascending order.
        rounds: at least one.
        seconds: measures one point: seconds per token, or per load.
        bandwidth: measures the machine: 10^9 bytes/s.
    """
    for point in points:
        seconds(point)
    found = []
    for _ in range(rounds):
        before = bandwidth()
        up = {point: seconds(point) for point in points}
        between = bandwidth()
        down = {point: seconds(point) for point in reversed(points)}
        found.append(Round(up, down, (before, between)))
    return found


def rows(
    rounds: Sequence[Round], unit: str, token_bytes: Callable[[int], float] | None
) -> list[Row]:
    """Return a row per point.

    Args:
        rounds: at least one.
        unit: ``tok/s`` or ``s``.
        token_bytes: what a token of a point must read at least, or None.
    """
    points = list(rounds[0].up)

    def value(one: Round, point: int) -> float:
        return one.seconds(point) if unit == "s" else 1 / one.seconds(point)

    def read(point: int) -> Figure | None:
        if token_bytes is None:
            return None
        needed = token_bytes(point) / 1e9
        return Figure.of([needed / one.seconds(point) / one.bandwidth() for one in rounds])

    return [
        Row(
            point,
            Figure.of([value(one, point) for one in rounds]),
            Figure.of([value(one, point) / value(one, points[0]) for one in rounds]),
            read(point),
        )
        for point in points
    ]
