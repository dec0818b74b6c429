"""The vocabulary, for tests that need no model."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptoss_metal.harmony.vocabulary import Vocabulary, open_vocabulary


@pytest.fixture(scope="session")
def tokenizer(vocabulary: Path, home: Path) -> Vocabulary:
    """The vocabulary that model files carry, opened."""
    return open_vocabulary(vocabulary.read_bytes(), "test")
