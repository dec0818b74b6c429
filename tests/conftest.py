"""Fixtures that all tests share."""

from __future__ import annotations

import gzip
import importlib.resources
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gptoss_metal

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store of the tests' own, also for the programs they start."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["GPTOSS_METAL_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published ``o200k_base.tiktoken``, for checkpoints without a tokenizer of their own."""
    packed = importlib.resources.files("bpe_openai") / "data" / "o200k_base.tiktoken.gz"
    path = tmp_path_factory.mktemp("vocabulary") / "o200k_base.tiktoken"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


@pytest.fixture(scope="session")
def demo_path(home: Path) -> Path:
    """The demo model, expanded and converted as set-up does it."""
    subprocess.run([sys.executable, ROOT / "tools" / "demo" / "prepare.py"], check=True)
    return home / "models" / "demo.safetensors"


@pytest.fixture(scope="session")
def demo_model(demo_path: Path) -> gptoss_metal.Model:
    """The demo model, loaded with default settings."""
    return gptoss_metal.Model.load(demo_path)
