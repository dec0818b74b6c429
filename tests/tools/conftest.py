"""Fixtures of the tools' tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptoss_metal.harmony.vocabulary import Vocabulary, open_vocabulary
from tests.conftest import ROOT


@pytest.fixture(scope="session", autouse=True)
def bwrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """bubblewrap: the system's, or one that is unpacked for the tests."""
    if not sys.platform.startswith("linux"):
        yield ""
        return
    folder = ROOT / "build" / "bubblewrap"
    done = subprocess.run(
        ["sh", ROOT / "packaging" / "bubblewrap.sh", folder],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPTOSS_METAL_BWRAP", done.stdout.strip())
        yield os.environ["GPTOSS_METAL_BWRAP"]


@pytest.fixture(scope="session")
def tokenizer(vocabulary: Path, home: Path) -> Vocabulary:
    """The published vocabulary."""
    return open_vocabulary(vocabulary.read_bytes(), str(vocabulary))
