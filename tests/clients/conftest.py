"""One real server with the demo model, and the environments that hold the clients."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import answer
from tests.conftest import ROOT
from tests.running import Running, running

CLIENTS = ROOT / "build" / "clients"
PROGRAMS = Path(__file__).parent / "programs"
TIMEOUT = 180
Program = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def server(demo_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """``gptoss-metal serve demo``; one for all clients.

    It serves the demo model by another name too, ``steady``: greedy, for clients that cannot ask
    for a temperature. Its model store is its own: other tests create and remove names in theirs.
    """
    folder = tmp_path_factory.mktemp("server")
    models = folder / "home" / "models"
    models.mkdir(parents=True)
    os.link(demo_path, models / demo_path.name)
    home = {"GPTOSS_METAL_HOME": str(models.parent)}
    answer("create", "steady", "--from", "demo", "--temperature", "0", **home)
    with running("demo", **home) as started:
        yield started
        assert started.alive, started.said
    assert "Traceback" not in started.said, started.said


@pytest.fixture(scope="session")
def python_clients() -> Path:
    """The Python of the environment that has the clients."""
    python = CLIENTS / "python" / "bin" / "python"
    assert python.exists(), "the Python clients are not installed. Try: make clients-python"
    return python


@pytest.fixture
def program(server: Running, python_clients: Path, tmp_path: Path) -> Program:
    """Runs one of the programs against the server and returns what it reports."""

    def run(name: str) -> dict[str, Any]:
        return report([str(python_clients), str(PROGRAMS / name)], server, tmp_path)

    return run


def report(command: list[str], server: Running, home: Path) -> dict[str, Any]:
    """The JSON object that a program prints; it must end well."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT, env=environment(server, home)
    )
    assert done.returncode == 0, done.stdout + done.stderr + server.said
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def environment(server: Running, home: Path) -> dict[str, str]:
    """Variables of a user who has nothing but the server: no key, no configuration, no proxy."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "SERVER_URL": server.url,
        "SERVER_MODEL": "demo",
        "NO_COLOR": "1",
    }
