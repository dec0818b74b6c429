"""Fixtures of the logits tests."""

from __future__ import annotations

import pytest

from .cases import SHAPES, Case


@pytest.fixture(scope="session", params=SHAPES, ids=lambda shape: shape.name.replace(" ", "-"))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Each of the random models in turn."""
    return Case(request.param, tmp_path_factory.mktemp("case"))
