"""The demo's tools are scripts beside each other: put their folder on the path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools" / "demo"
if str(TOOLS) not in sys.path:
    sys.path.insert(0, str(TOOLS))


@pytest.fixture(scope="session")
def renderer():
    """openai_harmony's encoding, from the offline vocabulary."""
    import vocabulary

    vocabulary.install()
    from generator import Renderer

    return Renderer()
