"""The server over the demo model: in this process, and as the real program.

``app``, ``client`` (an `httpx.Client` over the application, in this process), ``base_url`` (of a
server process that the whole session shares).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gptoss_metal import Model
from gptoss_metal.engine.engine import Engine
from gptoss_metal.engine.limits import Limits
from gptoss_metal.server.app import build
from gptoss_metal.server.loader import Loader
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns
from tests.running import Running, running

NAMES = ("demo", "gpt-oss-demo")


@contextlib.contextmanager
def serving(path: Path, limits: Limits | None = None) -> Iterator[Served]:
    """What an application serves, over an engine of its own."""
    loader = Loader(lambda: Model.load(path))
    engine = Engine(loader, limits or Limits())
    engine.start()
    try:
        engine.wait_ready(60)
        yield Served(NAMES, Turns(engine, loader))
    finally:
        engine.close()


@pytest.fixture(scope="session")
def served(demo_path: Path) -> Iterator[Served]:
    """What the application serves."""
    with serving(demo_path) as served:
        yield served


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
