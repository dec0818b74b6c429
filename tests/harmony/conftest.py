"""The vocabulary and its grammars, for tests that need no model."""

from __future__ import annotations

import pytest

from gptoss_metal.harmony.grammar.grammars import Grammars
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.conftest import tokenizer
from tests.chat.scripted import VOCAB

__all__ = ["tokenizer"]


@pytest.fixture(scope="session")
def grammars(tokenizer: Vocabulary) -> Grammars:
    """Grammars of a model with the full vocabulary."""
    return Grammars(tokenizer, VOCAB)
