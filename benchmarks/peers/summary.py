"""From rounds to figures: medians, spreads, ratios and fractions of the machine's limits."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gptoss_metal.config import Config

from .limits import Limits
from .rounds import LOAD, TESTS, Round
from .shapes import bytes_per_token, operations_per_token


@dataclass(frozen=True)
class Figure:
    """One number over the rounds."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Figure:
        """The figure of at least one value."""
        return Figure(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Row:
    """One test of one contender.

    Attributes:
        speed: tokens/s, or seconds for ``load``.
        ratio: ours over theirs in the same round, or None without ours.
        fractions: of each limit that bounds this test.
    """

    contender: str
    test: str
    speed: Figure
    ratio: Figure | None
    fractions: dict[str, Figure]


def rows(rounds: Sequence[Round], config: Config, ours: str) -> list[Row]:
    """Return one row per test and contender that was measured.

    Args:
        rounds: at least one.
        config: of the model that all of them ran.
        ours: the contender that others are compared with.
    """
    found = []
    names = list(dict.fromkeys(name for one in rounds for name in one.order))
    for test in (*TESTS, LOAD):
        for name in names:
            here = [one for one in rounds if test in one.values.get(name, {})]
            if here:
                found.append(_row(here, name, test, config, ours))
    return found


def _row(here: list[Round], name: str, test: str, config: Config, ours: str) -> Row:
    values = [one.values[name][test] for one in here]
    ratios = [
        one.values[ours][test] / one.values[name][test]
        for one in here
        if name != ours and test in one.values.get(ours, {})
    ]
    fractions = {
        limit: Figure.of([of(one.values[name][test], one.limits[name]) for one in here])
        for limit, of in _bounds(test, config).items()
    }
    return Row(name, test, Figure.of(values), Figure.of(ratios) if ratios else None, fractions)


def _bounds(test: str, config: Config) -> dict[str, Callable[[float, Limits], float]]:
    """Which limits bound a test, and how much of one a speed is."""
    if test == LOAD:
        return {}
    if count := TESTS[test].tokens:
        operations = operations_per_token(config, count) / 1e9
        return {
            "float32": lambda speed, limits: speed * operations / limits.float32_gflops,
            "int8": lambda speed, limits: speed * operations / limits.int8_gops,
        }
    gigabytes = bytes_per_token(config, TESTS[test].depth) / 1e9
    return {"read": lambda speed, limits: speed * gigabytes / limits.read_gbs}


def taken_core_cost(found: Sequence[Row]) -> dict[str, float]:
    """Return, per contender, decoding with one core taken over decoding undisturbed (medians)."""
    speeds = {(row.contender, row.test): row.speed.median for row in found}
    return {
        name: speed / speeds[name, "decode"]
        for (name, test), speed in speeds.items()
        if test == "busy" and (name, "decode") in speeds
    }
