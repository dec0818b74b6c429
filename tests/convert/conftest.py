"""A small checkpoint in both layouts, made once; tests that change it take a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.convert.checkpoints import random_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Hugging Face directory with ``original/`` inside. Not to be changed."""
    return random_checkpoint(tmp_path_factory.mktemp("checkpoint") / "hf", seed=7)


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    """Return a copy of the checkpoint that may be changed."""
    return Path(shutil.copytree(checkpoint, tmp_path / "hf"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return the path of a model file in an otherwise empty folder."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder / "model.safetensors"
