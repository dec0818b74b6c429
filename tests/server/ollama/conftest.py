"""Aliases of one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gptoss_metal import aliases


@pytest.fixture(autouse=True)
def no_aliases(home: object) -> Iterator[None]:
    """Removes what a test created."""
    yield
    for name in aliases.names():
        aliases.remove(name)
