"""Fixtures of the runtime's tests: a small model with window and full layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import _core
from gptoss_metal.convert import convert
from tests.reference.checkpoints import write_checkpoint

from .subject import LENGTH, VOCAB, WINDOW


@pytest.fixture(scope="package")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two window layers and two full ones."""
    folder = tmp_path_factory.mktemp("runtime")
    checkpoint = write_checkpoint(
        folder / "checkpoint", layers=4, experts=8, top_k=2, hidden=128, intermediate=64, heads=8,
        kv_heads=2, window=WINDOW, vocab=VOCAB, seed=3,
    )  # fmt: skip
    return convert(checkpoint, folder / "model.safetensors")


@pytest.fixture(scope="package", params=["exact", "default"])
def model(request: pytest.FixtureRequest, model_file: Path) -> _core.Model:
    """The model in each precision."""
    return _core.Model(str(model_file), precision=request.param)


@pytest.fixture(scope="package")
def tokens() -> npt.NDArray[np.int32]:
    """A sequence longer than two pages."""
    return np.random.default_rng(7).integers(0, VOCAB, LENGTH, dtype=np.int32)
