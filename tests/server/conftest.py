"""The server over the demo model: in this process, and as the real program.

``app``, ``client`` (an `httpx.Client` over the application, in this process), ``base_url`` (of a
server process that the whole session shares).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import gptoss_metal
from gptoss_metal.server.app import build
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns
from tests.server.running import Running, running

NAMES = ("demo", "gpt-oss-demo")


@pytest.fixture(scope="session")
def served(demo_model: gptoss_metal.Model) -> Served:
    """What the application serves."""
    return Served(demo_model, NAMES, Turns(demo_model))


@pytest.fixture(scope="session")
def app(served: Served) -> Starlette:
    """The application, all APIs."""
    return build(served)


@pytest.fixture(scope="session")
def client(app: Starlette) -> Iterator[TestClient]:
    """A client of the application, in this process; it raises no server errors."""
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def server(demo_path: Path) -> Iterator[Running]:
    """The real server process, shared by the session's tests."""
    with running(demo_path, "--served-model-name", "demo") as server:
        yield server


@pytest.fixture(scope="session")
def base_url(server: Running) -> str:
    """Where the real server listens."""
    return server.url
