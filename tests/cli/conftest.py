"""Models and checkpoints that the command line works on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chat.models import write_small
from tests.reference.checkpoints import write_checkpoint


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file without a vocabulary: 640 ids, 1024 tokens of context."""
    return write_small(tmp_path_factory.mktemp("cli") / "small.safetensors")


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint in Hugging Face's layout. Not to be changed."""
    return write_checkpoint(tmp_path_factory.mktemp("source") / "tiny-oss", seed=3)


@pytest.fixture
def checkpoint(source: Path, tmp_path: Path) -> Path:
    """A copy of it to be damaged."""
    return Path(shutil.copytree(source, tmp_path / "tiny-oss"))
