"""Small models, and engines that are stopped and found empty at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal import Model
from gptoss_metal.engine import DiskStore, Engine, Limits
from tests.chat.models import write_small

Starter = Callable[..., Engine]


@pytest.fixture(scope="session")
def small_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two layers that takes token ids below 640."""
    return write_small(tmp_path_factory.mktemp("small") / "small.safetensors")


@pytest.fixture
def small(small_path: Path) -> Model:
    """That model, loaded."""
    return Model.load(small_path, threads=1)


@pytest.fixture
def start(small: Model) -> Iterator[Starter]:
    """Starts engines over `small`; they are stopped, and must leave no cache behind."""
    engines: list[Engine] = []

    def starter(
        load: Callable[[], Model] | None = None, disk: DiskStore | None = None, **limits: Any
    ) -> Engine:
        limits = {"chunk": 64, "cache_bytes": 1 << 30, **limits}
        engine = Engine(load or (lambda: small), Limits(**limits), disk)
        engine.start()
        engines.append(engine)
        return engine

    yield starter
    for engine in engines:
        engine.close()
    assert small.core.cache_bytes == 0
