"""`gptoss-metal selftest` on software Metal: all is well, and planted faults turn it red."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Error, Model, _core, selftest
from gptoss_metal.selftest import experts, models, report
from gptoss_metal.selftest.case import Buffer, Case, Row, run_case
from tests.cli.program import answer_json, refused, start

KERNELS = [
    "embed", "norm_rows", "qkv", "attention_decode", "attention_merge", "out", "router", "gate_up",
    "down", "unembed", "matmul", "rope", "attention_prefill", "expert_sort", "grouped_gate_up",
    "grouped_down", "mix",
]  # fmt: skip


@pytest.fixture(scope="module")
def launcher(softmetal: ModuleType) -> _core.Launcher:
    return _core.Launcher(dense_q8=True, exact=True)


def test_all_is_well() -> None:
    found = answer_json("selftest", "--json")
    bad = [row for row in found["rows"] if not row["ok"]]
    assert bad == []
    assert found["ok"] is True
    assert found["untested"] == []
    assert {row["kernel"] for row in found["rows"]} == {*KERNELS, "model"}
    settings = {row["setting"] for row in found["rows"]}
    assert settings == {"q8 default", "bf16 default", "q8 exact", "bf16 exact"}
    assert found["device"]["name"]
    assert found["device"]["max_buffer_length"] > 0
    assert found["versions"]["python"]


def test_the_table_of_kernels() -> None:
    assert sorted(_core.Launcher.kernels()) == sorted(KERNELS)


class Corrupted:
    """A launcher whose kernel gets one wrong value in its first input."""

    def __init__(self, launcher: _core.Launcher, kernel: str) -> None:
        self._launcher = launcher
        self._kernel = kernel

    def run(self, kernel: str, args: bytes, buffers: Mapping[int, Buffer], count: int) -> None:
        if kernel == self._kernel:
            first = buffers[1]
            assert isinstance(first, np.ndarray)
            spoil(first)
        self._launcher.run(kernel, args, dict(buffers), count)


def spoil(array: npt.NDArray[Any]) -> None:
    """Changes its first value: the sign, the number of an expert."""
    if array.dtype == np.float32:
        array.reshape(-1)[0] = -array.reshape(-1)[0] - 1
    elif array.dtype == np.uint16:
        array.reshape(-1)[0] ^= 0x8000
    else:
        array.reshape(-1)[0] = 1 - min(1, array.reshape(-1)[0])


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(report._cases(True, True))


def rows_of(kernel: str, runner: Any, cases: Iterable[Case]) -> list[Row]:
    return [run_case(runner, case, "q8 exact") for case in cases if case.kernel == kernel]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_wrong_result_of_any_kernel_is_found(
    launcher: _core.Launcher, cases: list[Case], kernel: str
) -> None:
    sound = rows_of(kernel, launcher, cases)
    assert sound
    assert all(row.ok for row in sound), sound
    spoiled = rows_of(kernel, Corrupted(launcher, kernel), cases)
    assert not all(row.ok for row in spoiled), spoiled


def test_a_wrong_formula_is_found(
    launcher: _core.Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = experts.swiglu
    monkeypatch.setattr(experts, "swiglu", lambda rows: right(rows) * (1 + 1e-4))
    cases = list(experts.cases(exact=True))
    for kernel in ("gate_up", "grouped_gate_up"):
        assert not any(row.ok for row in rows_of(kernel, launcher, cases))


def test_a_kernel_that_fails_is_a_row(
    softmetal: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(_core.Launcher):
        def run(self, kernel: str, args: bytes, buffers: Any, count: int) -> None:
            raise Error("[metal] the GPU is gone. Try: later.")

    monkeypatch.setattr(_core, "Launcher", Failing)
    monkeypatch.setattr(models, "rows", lambda: iter(()))
    found = selftest.run()
    assert not found.ok
    assert {row.note for row in found.failed} == {"[metal] the GPU is gone. Try: later."}
    assert len(found.failed) == len(found.rows)


def test_a_wrong_model_is_found(softmetal: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Model.load

    def wrong(path: Any, backend: str, precision: str) -> Model:
        """On Metal, one logit in 500 is off by a thousandth of its size."""
        model = load(path, "cpu", precision)
        if backend == "metal":
            logits = model.logits
            monkeypatch.setattr(model, "logits", lambda tokens: _off(logits(tokens)))
        return model

    monkeypatch.setattr(models.Model, "load", wrong)
    rows = list(models.rows())
    assert [row.ok for row in rows if "logits" in row.case] == [False, False]
    assert all(row.ok for row in rows if "greedy" in row.case)


def _off(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    changed = logits.copy()
    changed[:, ::500] += 2 * models.LOGITS * logits.std()
    return changed


def test_without_a_device(softmetal: ModuleType) -> None:
    softmetal.set_fault("no_device", 0)
    with pytest.raises(Error, match=r"^\[metal\] .*Try: "):
        selftest.run()
    softmetal.clear_faults()


def test_wrong_arguments_are_refused(softmetal: ModuleType) -> None:
    assert "--wrong" in refused("selftest", "--wrong")
    assert start("selftest", "--help").returncode == 0


def test_launcher_says_what_it_wants(launcher: _core.Launcher) -> None:
    x = np.ones((1, 64), np.float32)
    with pytest.raises(Error, match="no kernel 'nothing'"):
        launcher.run("nothing", b"", {}, 1)
    with pytest.raises(Error, match="is no array"):
        launcher.run("norm_rows", bytes(12), {1: [1.0]}, 1)  # type: ignore[list-item]
    with pytest.raises(Error, match="is not C-contiguous"):
        launcher.run("norm_rows", bytes(12), {1: np.ones((64, 2))[:, 0]}, 1)
    x.flags.writeable = False
    with pytest.raises(Error, match="is read-only"):
        launcher.run("norm_rows", bytes(12), {1: x}, 1)
    assert launcher.max_threads("norm_rows") >= 256
