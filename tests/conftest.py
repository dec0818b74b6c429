"""Fixtures that all tests share."""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import gptoss_metal
from tests.dated import DAY

ROOT = Path(__file__).parent.parent
# `make test` draws the same examples each time, so that what lands does not depend on luck;
# other runs, among them those of `make test-long`, look for new ones.
hypothesis.settings.register_profile("fixed", derandomize=True)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store of the tests' own, also for the programs they start."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["GPTOSS_METAL_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def today() -> Iterator[str]:
    """The date that prompts state, also those of servers that ``tests.running`` starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gptoss_metal.harmony.render.today", lambda: DAY)
        yield DAY


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published ``o200k_base.tiktoken``, for checkpoints without a tokenizer of their own."""
    packed = importlib.resources.files("bpe_openai") / "data" / "o200k_base.tiktoken.gz"
    path = tmp_path_factory.mktemp("vocabulary") / "o200k_base.tiktoken"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


@pytest.fixture(scope="session")
def demo_path(home: Path) -> Path:
    """The demo model, expanded and converted as set-up does it.

    It is kept in build/ from one test run to the next, as long as nothing it is made of changes.
    """
    path = home / "models" / "demo.safetensors"
    kept = ROOT / "build" / "demo" / f"{_demo_digest()}.safetensors"
    if kept.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, path)
        return path
    subprocess.run([sys.executable, ROOT / "tools" / "demo" / "prepare.py"], check=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{os.getpid()}")
    shutil.copyfile(path, draft)
    draft.replace(kept)
    return path


def _demo_digest() -> str:
    """Of all that the demo model is made of."""
    digest = hashlib.sha256()
    sources = [ROOT / "tools" / "demo" / "weights.safetensors"]
    for folder in ("tools/demo", "tools/convert"):
        sources += sorted((ROOT / folder).glob("*.py"))
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def demo_model(demo_path: Path) -> gptoss_metal.Model:
    """The demo model, loaded with default settings."""
    return gptoss_metal.Model.load(demo_path)
