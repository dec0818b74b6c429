"""Fixtures of the software Metal's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from gptoss_metal import _core
from tests.softmetal.harness import texts

MISSING = (
    "[tests] this build of gptoss_metal has no software Metal. "
    "Try: make test-metal, or PYTHONPATH=build/softmetal/site after make build-metal"
)


@pytest.fixture(autouse=True)
def metal() -> Iterator[ModuleType]:
    """The controls of the software Metal, in fast mode; what a test plants it also takes."""
    module: ModuleType | None = getattr(_core, "softmetal", None)
    if module is None:
        pytest.fail(MISSING, pytrace=False)
    module.reset_settings()
    module.clear_faults()
    module.reset_ledger()
    module.take_findings()
    yield module
    module.clear_faults()
    module.reset_settings()
    left = module.take_findings()
    assert left == [], texts(left)


@pytest.fixture
def checked(metal: ModuleType) -> ModuleType:
    """The same in checked mode."""
    metal.set_mode("checked")
    return metal
