"""A real server with the demo model, for what is checked against OpenAI's document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.running import Server


@pytest.fixture(scope="session")
def openai_server(demo_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``gptoss-metal serve demo`` with a context that bounds what a request can cost."""
    log = tmp_path_factory.mktemp("openapi") / "log"
    with Server(log, "demo", "--context", "2048") as running:
        yield running
        assert running.alive, running.log()
    assert "Traceback" not in running.log(), running.log()
