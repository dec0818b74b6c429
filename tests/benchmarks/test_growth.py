"""Costs as they grow: points, their order, figures, and real runs of a tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.growth import costs, loading, memory
from benchmarks.growth.cache import PAGE, Cache
from benchmarks.growth.plan import GROUPS, SERIES, layer_counts, thread_counts
from benchmarks.growth.rounds import Round, measure, rows
from benchmarks.growth.speed import Speed
from gptoss_metal import _core
from gptoss_metal.convert import shape
from gptoss_metal.errors import Error

FULL = shape()


def test_points_reach_as_far_as_was_asked() -> None:
    ends = {name: (s.points[0], s.points[-1]) for name, s in SERIES.items() if s.points}
    assert ends == {"context": (0, 32768), "batch": (1, 8), "prompt": (1, 4096)}
    assert all(list(s.points) == sorted(set(s.points)) for s in SERIES.values())
    assert all(point % PAGE == 0 for point in SERIES["context"].points)
    assert GROUPS == ("context", "batch", "prompt", "threads", "load", "memory")


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, [1, 2]), (2, [1, 2, 4]), (6, [1, 2, 4, 6, 12]), (8, [1, 2, 4, 8, 16])]
)
def test_threads_go_to_twice_the_cores(cores: int, counts: list[int]) -> None:
    assert thread_counts(cores) == counts


@pytest.mark.parametrize(
    ("layers", "counts"), [(1, []), (2, [1]), (4, [1, 2]), (5, [1, 2, 4]), (24, [1, 2, 4])]
)
def test_written_files_have_fewer_layers_than_the_model(layers: int, counts: list[int]) -> None:
    assert layer_counts(layers, 4) == counts


def test_each_round_goes_up_then_down_beside_the_bandwidth() -> None:
    calls: list[str] = []

    def seconds(point: int) -> float:
        calls.append(str(point))
        return float(len(calls))

    def bandwidth() -> float:
        calls.append("read")
        return float(len(calls))

    found = measure([1, 2, 4], 2, seconds, bandwidth)
    once = ["read", "1", "2", "4", "read", "4", "2", "1"]
    assert calls == ["1", "2", "4", *once, *once]
    assert found[0] == Round({1: 5, 2: 6, 4: 7}, {4: 9, 2: 10, 1: 11}, (4, 8))
    assert found[0].seconds(1) == found[0].seconds(2) == found[0].seconds(4) == 8


ROUNDS = [
    Round({1: 1.0, 2: 0.5}, {1: 3.0, 2: 0.5}, (9.0, 11.0)),
    Round({1: 1.0, 2: 0.25}, {1: 1.0, 2: 0.25}, (20.0, 20.0)),
    Round({1: 4.0, 2: 2.0}, {1: 4.0, 2: 2.0}, (10.0, 10.0)),
]


def test_figures_are_medians_and_ratios_are_within_a_round() -> None:
    one, two = rows(ROUNDS, "tok/s", lambda point: 4e9 * point)
    assert (one.value.median, one.value.low, one.value.high) == (0.5, 0.25, 1.0)
    assert (two.value.median, two.value.low, two.value.high) == (2.0, 0.5, 4.0)
    assert one.ratio.median == one.ratio.low == one.ratio.high == 1.0
    assert (two.ratio.median, two.ratio.low, two.ratio.high) == (4.0, 2.0, 4.0)
    assert two.read is not None
    assert (two.read.median, two.read.low, two.read.high) == (1.6, 0.4, 1.6)


def test_figures_of_loading_are_seconds() -> None:
    one, two = rows(ROUNDS, "s", None)
    assert (one.value.median, two.value.median) == (2.0, 0.5)
    assert two.ratio.median == 0.25
    assert one.read is None


def test_bytes_of_a_token_grow_with_what_it_attends_to() -> None:
    row = 8 * 2 * 64 * 2  # KV heads, key and value, values per head, float16
    assert costs.behind(FULL, 1000, 0) == 1000
    assert costs.behind(FULL, 1000, 100) == 1000 + 24 * 100 * row
    assert costs.behind(FULL, 1000, 4096) == 1000 + 12 * (4096 + 128) * row


def test_a_batch_reads_distinct_experts_once() -> None:
    assert costs.distinct_experts(FULL, 1) == 4
    assert costs.distinct_experts(FULL, 4) == pytest.approx(13.24, abs=0.01)
    assert costs.distinct_experts(FULL, 8) == pytest.approx(21.0, abs=0.01)
    weights = 2_570_000_000
    alone = costs.together(FULL, weights, 1)
    assert alone == weights
    assert alone / costs.together(FULL, weights, 4) == pytest.approx(1.87, abs=0.03)
    assert alone / costs.together(FULL, weights, 8) == pytest.approx(2.57, abs=0.04)


def test_a_deep_cache_begins_as_a_computed_one(model: Path) -> None:
    opened = _core.Model(str(model))
    prefix = Cache(opened, np.random.default_rng(0)).prefix(PAGE)
    computed, filled = (_core.Session(opened, PAGE + 1) for _ in range(2))
    computed.sync(prefix.tokens)
    filled.restore(prefix)
    for session in (computed, filled):
        session.step(7)
    np.testing.assert_array_equal(computed.logits(), filled.logits())


def test_a_deep_cache_is_as_long_as_was_asked(model: Path) -> None:
    opened = _core.Model(str(model))
    session = _core.Session(opened, 5 * PAGE)
    session.restore(Cache(opened, np.random.default_rng(0)).prefix(4 * PAGE))
    session.step(7)
    assert session.length == 4 * PAGE + 1
    assert np.isfinite(session.logits()).all()


@pytest.mark.parametrize("depth", [-PAGE, 0, 1, PAGE + 1])
def test_a_cache_of_part_of_a_page_is_refused(model: Path, depth: int) -> None:
    cache = Cache(_core.Model(str(model)), np.random.default_rng(0))
    with pytest.raises(Error, match=r"^\[growth\] .*Try: a multiple of 256"):
        cache.prefix(depth)


def test_speeds_of_a_real_model(model: Path) -> None:
    speed = Speed(model, steps=2, threads=1)
    assert speed.model.threads == 1
    taken = [speed.decode(), speed.decode(PAGE), speed.batch(3), speed.prefill(1), speed.prefill(9)]
    assert all(seconds > 0 for seconds in taken)


def test_growing_files_are_removed(model: Path, tmp_path: Path) -> None:
    with loading.growing_files(model, tmp_path) as files:
        sizes = list(files)
        assert sizes == sorted(sizes)
        assert [path.stat().st_size for path in files.values()] == sizes
        assert [_core.Model(str(path)).config["num_hidden_layers"] for path in files.values()] == [
            1,
            2,
        ]
        assert all(loading.load(path) > 0 for path in files.values())
        assert all(loading.load_to_token(path) > 0 for path in files.values())
    assert list(tmp_path.iterdir()) == []
    assert model.is_file()


def test_memory_of_a_full_context(model: Path) -> None:
    small, large = (memory.of(model, context) for context in (1024, 4096))
    opened = _core.Model(str(model))
    for one in (small, large):
        assert one.session == opened.session_bytes(one.context, memory.CHUNK)
        assert 0 < one.cache <= one.session
        assert 0 < one.loaded < one.full
    assert large.cache > small.cache


def test_memory_that_cannot_be_measured_says_why(tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"^\[growth\] memory of 1024: .*none\.safetensors.*Try:"):
        memory.of(tmp_path / "none.safetensors", 1024)
