"""Fixtures of the Metal tests: the software Metal, and the promise that it finds nothing wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import _core
from tests.logits.cases import Case, Shape
from tests.metal.shapes import SHAPES

COVERAGE = "GPTOSS_METAL_COVERAGE"
"""Environment variable: a folder for the lines this run executed (tests/metal/coverage.py)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a Metal backend in the build, say how to get one."""
    here = [item for item in items if Path(__file__).parent in Path(item.path).parents]
    if here and not hasattr(_core, "softmetal"):
        for item in here:
            item.add_marker(pytest.mark.skip(reason="no software Metal here; run make test-metal"))


EXECUTED = pytest.StashKey[set[int]]()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note which blocks of host code have run.

    Their counters have 8 bits: one that is looked at only in the end may have come round to 0.
    """
    if COVERAGE in os.environ and hasattr(_core, "softmetal"):
        executed = item.config.stash.setdefault(EXECUTED, set())
        executed.update(offset for offset, ran in _core.softmetal.host_blocks() if ran)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave behind what was executed, for the coverage report."""
    if COVERAGE in os.environ and hasattr(_core, "softmetal"):
        folder = Path(os.environ[COVERAGE])
        folder.mkdir(parents=True, exist_ok=True)
        executed = {
            "host": sorted(session.config.stash.get(EXECUTED, set())),
            "kernels": _core.softmetal.kernel_lines(),
        }
        (folder / f"{os.getpid()}.json").write_text(json.dumps(executed))


@pytest.fixture(scope="session")
def softmetal() -> ModuleType:
    """The controls of the software Metal."""
    module: ModuleType = _core.softmetal
    return module


@pytest.fixture(autouse=True)
def _no_findings(softmetal: ModuleType) -> Iterator[None]:
    """Whatever a test runs, the software Metal has nothing to complain about.

    A test that provokes findings takes them itself.
    """
    softmetal.take_findings()
    yield
    softmetal.clear_faults()
    assert softmetal.take_findings() == []


@pytest.fixture
def checked(softmetal: ModuleType) -> Iterator[ModuleType]:
    """Checked mode, and back to what the run was started with."""
    before = softmetal.mode()
    softmetal.set_mode("checked")
    yield softmetal
    softmetal.set_mode(before)
    softmetal.set_order("forward")


@pytest.fixture(scope="session", params=SHAPES, ids=lambda shape: shape.name.replace(" ", "-"))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Each of the random models in turn."""
    return Case(request.param, tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The smallest of the random models."""
    shape: Shape = SHAPES[0]
    return Case(shape, tmp_path_factory.mktemp("small"))


Logits = npt.NDArray[np.float32]


def greedy(model: Any, prompt: npt.NDArray[np.int32], count: int) -> list[int]:
    """The `count` likeliest tokens after the prompt, one after another."""
    session = model.session(context=len(prompt) + count)
    session.sync(prompt.tolist())
    tokens: list[int] = []
    for _ in range(count):
        tokens.append(int(np.argmax(session.logits())))
        session.step(tokens[-1])
    return tokens
