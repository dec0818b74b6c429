"""selftest without a GPU: its formulas against the reference, its report, its refusal."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from click.testing import CliRunner

from gptoss_metal import _core, selftest
from gptoss_metal.cli.selftest import selftest as command
from gptoss_metal.selftest import attention, case, dense, experts, pages, weights
from gptoss_metal.selftest.case import Row
from tests.cli.program import refused
from tests.reference import formats
from tests.reference import operations as op


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_formats(rng: np.random.Generator) -> None:
    experts_ = weights.mxfp4(rng, 3, 5, 96)
    expected = formats.mxfp4_decode(experts_.blocks, experts_.scales)
    np.testing.assert_array_equal(experts_.values, expected)
    q8 = weights.dense(rng, 7, 64, q8=True)
    np.testing.assert_array_equal(q8.values, formats.q8_decode(q8.first, q8.second))
    bf16 = weights.dense(rng, 7, 64, q8=False)
    np.testing.assert_array_equal(bf16.values, formats.bf16_decode(bf16.first))


@pytest.mark.parametrize("window", [None, 5])
def test_attention(rng: np.random.Generator, window: int | None) -> None:
    positions = 300
    keys, values = rng.standard_normal((2, positions, 2, 64))
    queries = rng.standard_normal((positions, 6, 64))
    sinks = rng.standard_normal(6)
    cache = pages.KvCache(rng, 2, 512, exact=True)
    cache.write(np.arange(positions), keys, values)
    start = 255
    found = attention.attention(
        queries[start:] / 8, sinks, cache, start, attention.FULL if window is None else window
    )
    kept = [part.astype(np.float32).astype(np.float64) for part in (keys, values)]
    expected = op.attention(queries[start:], *kept, sinks, window, first_query=start)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_rotation_norm_and_swiglu(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 2, 64))
    turns = rng.uniform(0, 7, (4, 32))
    angles = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    rotated = dense.rotated(x, angles)
    as_complex = (x[..., :32] + 1j * x[..., 32:]) * np.exp(1j * turns)[:, None]
    np.testing.assert_allclose(rotated[..., :32], as_complex.real, atol=1e-12)
    np.testing.assert_allclose(rotated[..., 32:], as_complex.imag, atol=1e-12)
    rows, norm = rng.standard_normal((3, 96)), rng.standard_normal(96)
    np.testing.assert_allclose(dense.rms_norm(rows, norm), op.rms_norm(rows, norm, dense.EPS))
    np.testing.assert_allclose(experts.swiglu(rows * 9), op.swiglu(rows * 9, experts.LIMIT))


def test_merging_splits(rng: np.random.Generator) -> None:
    """Parts of a softmax, each with its maximum and sum, give the whole."""
    logits, values = rng.standard_normal((2, 90)) * 5, rng.standard_normal((90, 64))
    whole = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) @ values
    partials = np.empty((1, 2, 3, 66))
    for split in range(3):
        part = slice(split * 30, split * 30 + 30)
        most = logits[:, part].max(axis=1)
        scaled = np.exp(logits[:, part] - most[:, None])
        partials[0, :, split, 0], partials[0, :, split, 1] = most, scaled.sum(axis=1)
        partials[0, :, split, 2:] = scaled @ values[part]
    np.testing.assert_allclose(attention.merged(partials)[0], whole.reshape(-1), rtol=1e-12)


def test_sorted_tiles() -> None:
    chosen = np.array([[2, 0]] * 40, np.uint32)
    order, tiles = experts.sorted_tiles(chosen, 3)
    assert order.tolist() == [*range(1, 80, 2), *range(0, 80, 2)]
    assert tiles.tolist() == [[0, 0, 32], [0, 32, 8], [2, 40, 32], [2, 72, 8], [0, 0, 0]]


def test_every_kernel_has_cases_with_and_without_exactness() -> None:
    for exact in (False, True):
        cases = [
            *dense.dense_cases(True, exact),
            *dense.cases(exact),
            *attention.cases(exact),
            *experts.cases(exact),
        ]
        assert len({(one.kernel, one.name) for one in cases}) == len(cases)
        assert len({one.kernel for one in cases}) == 17
        for one in cases:
            assert one.args == struct.pack(f"<{len(one.args) // 4}I", *_words(one.args))
            assert set(one.expected) <= set(one.buffers)


def _words(args: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(args) // 4}I", args)


def test_errors_are_relative_and_see_what_is_not_finite() -> None:
    expected = np.array([4.0, 1.0])
    assert case.relative_error(np.array([4.0, 1.5]), expected) == 0.125
    assert case.relative_error(expected, expected) == 0
    assert case.relative_error(np.array([np.nan, 1.0]), expected) == np.inf
    assert case.relative_error(np.zeros(3), expected) == np.inf
    row = case.judged("mix", "x", "y", np.inf, 1)
    assert (row.ok, row.error) == (False, None)


ROWS = [
    Row("mix", "3 tokens", "q8 exact", 1e-7, 1e-5, True),
    Row("qkv", "1 token", "q8 default", 0.5, 1e-5, False),
    Row("down", "1 token", "q8 default", None, 1e-5, False, "[metal] lost. Try: again."),
]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]])
def test_the_report(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    class Launcher:
        @staticmethod
        def kernels() -> list[str]:
            return [row.kernel for row in rows]

    monkeypatch.setattr(_core, "Launcher", Launcher, raising=False)
    device = {"name": "Apple M9", "working_set": 12, "families": ["Apple7", "Metal3"]}
    report = selftest.Report(selftest.report.versions(), device, rows, 1.5)
    monkeypatch.setattr(selftest, "run", lambda: report)
    failed = len(rows) > 1
    shown = CliRunner().invoke(command, [], terminal_width=200, env={"COLUMNS": "160"})
    assert shown.exit_code == int(failed)
    for part in ("name: Apple M9", "families: Apple7, Metal3", "mix", "1.0e-07", "1.5 s"):
        assert part in shown.output
    assert ("FAILED qkv (1 token; q8 default): beyond its bound" in shown.output) == failed
    assert ("FAILED down (1 token; q8 default): [metal] lost." in shown.output) == failed
    printed = CliRunner().invoke(command, ["--json"])
    assert printed.exit_code == int(failed)
    found = json.loads(printed.output)
    assert found["ok"] is not failed
    assert found["device"] == device
    assert [row["kernel"] for row in found["rows"]] == [row.kernel for row in rows]
    assert found["versions"]["gptoss-metal"]


def test_a_kernel_without_a_row_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    class Launcher:
        @staticmethod
        def kernels() -> list[str]:
            return ["mix", "forgotten"]

    monkeypatch.setattr(_core, "Launcher", Launcher, raising=False)
    report = selftest.Report({}, {}, ROWS[:1], 1)
    assert report.untested == ["forgotten"]
    assert not report.ok
    monkeypatch.setattr(selftest, "run", lambda: report)
    shown = CliRunner().invoke(command, [])
    assert shown.exit_code == 1
    assert "NOT TESTED forgotten" in shown.output


@pytest.mark.skipif("metal" in _core.backends(), reason="this build has Metal")
def test_without_metal() -> None:
    assert "this build has no Metal backend. Try: " in refused("selftest")
