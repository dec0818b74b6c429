"""Fixtures of the logits tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from .cases import SHAPES, Case


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: for small matrices, more only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", params=SHAPES, ids=lambda shape: shape.name.replace(" ", "-"))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Each of the random models in turn."""
    return Case(request.param, tmp_path_factory.mktemp("case"))
