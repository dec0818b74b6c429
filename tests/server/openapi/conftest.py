"""A real server with the demo model, for what is checked against OpenAI's document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running, running


@pytest.fixture(scope="session")
def openai_server(demo_path: Path) -> Iterator[Running]:
    """``gptoss-metal serve demo`` with a context that bounds what a request can cost."""
    with running(demo_path, "--served-model-name", "demo", "--context", "2048") as started:
        yield started
        assert started.alive, started.said
    assert "Traceback" not in started.said, started.said
