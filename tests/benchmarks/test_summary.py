"""Medians, ratios within rounds, fractions of limits, and what a token costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers.limits import Limits
from benchmarks.peers.rounds import Round
from benchmarks.peers.shapes import SHAPES, bytes_per_token, operations_per_token
from benchmarks.peers.summary import Figure, Row, rows, taken_core_cost
from gptoss_metal import _core
from tests.benchmarks.conftest import SMALL

CONFIG = SHAPES["20b"]


def rounds() -> list[Round]:
    speeds = [(4.0, 2.0), (9.0, 3.0), (5.0, 5.0)]
    made = []
    for ours, theirs in speeds:
        one = Round(["us", "them"])
        one.values = {
            "us": {"decode": ours, "busy": ours / 2, "prefill512": 10 * ours, "load": 0.1},
            "them": {"decode": theirs, "busy": theirs / 4, "prefill512": theirs, "load": 2.0},
        }
        one.limits = {"us": Limits(20.0, 200, 800, ""), "them": Limits(10.0, 100, 400, "")}
        made.append(one)
    return made


def row(contender: str, test: str) -> Row:
    found = rows(rounds(), CONFIG, "us")
    (one,) = [row for row in found if (row.contender, row.test) == (contender, test)]
    return one


def test_medians_and_spreads() -> None:
    assert row("us", "decode").speed == Figure(5.0, 4.0, 9.0)
    assert row("them", "decode").speed == Figure(3.0, 2.0, 5.0)


def test_ratios_are_taken_within_a_round() -> None:
    assert row("them", "decode").ratio == Figure(2.0, 1.0, 3.0)  # the medians' is 5/3
    assert row("us", "decode").ratio is None
    load = row("them", "load").ratio
    assert load is not None
    assert load.median == pytest.approx(0.05)


def test_fractions_use_the_limits_of_their_own_moment() -> None:
    gigabytes = bytes_per_token(CONFIG, 0) / 1e9
    assert row("us", "decode").fractions["read"].median == pytest.approx(5 * gigabytes / 20)
    assert row("them", "decode").fractions["read"].median == pytest.approx(3 * gigabytes / 10)
    operations = operations_per_token(CONFIG, 512) / 1e9
    prefill = row("us", "prefill512").fractions
    assert prefill["int8"].median == pytest.approx(50 * operations / 800)
    assert prefill["float32"].median == pytest.approx(50 * operations / 200)
    assert row("us", "load").fractions == {}


def test_a_taken_core_is_compared_with_oneself() -> None:
    found = rows(rounds(), CONFIG, "us")
    assert taken_core_cost(found) == {"us": pytest.approx(0.5), "them": pytest.approx(0.25)}


def test_a_contender_of_one_round_has_its_ratio() -> None:
    three = rounds()
    for one in three[1:]:
        one.order.remove("them")
        del one.values["them"], one.limits["them"]
    (them,) = [r for r in rows(three, CONFIG, "us") if (r.contender, r.test) == ("them", "decode")]
    assert them.ratio == Figure(2.0, 2.0, 2.0)


@pytest.mark.parametrize("depth", [0, 4096])
def test_bytes_of_a_token(depth: int) -> None:
    cache = 12 * (depth + min(depth, 128)) * 2 * 8 * 64 * 2
    assert bytes_per_token(CONFIG, depth) - cache == pytest.approx(2.57e9, rel=0.005)


def test_bytes_of_a_token_are_the_cores_own(model: Path) -> None:
    # Norms and biases, which ours counts, are a larger part of a small model.
    assert bytes_per_token(SMALL, 0) == pytest.approx(
        _core.Model(str(model)).bytes_per_token(), rel=0.1
    )


def test_operations_of_a_token() -> None:
    """3.6e9 weights meet a token (docs/SPEED.md: 7.2 GFLOP), 0.58e9 of them in the unembedding."""
    alone = operations_per_token(CONFIG, 1)
    assert alone == pytest.approx(7.2e9, rel=0.01)
    together = operations_per_token(CONFIG, 512)
    attention = 2 * 2 * 64 * 64 * (12 * 256.5 + 12 * (512 * 128 - 127 * 64) / 512)
    assert together == pytest.approx(alone - 2 * 0.579e9 + attention, rel=0.01)
