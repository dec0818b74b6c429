"""The npm clients, as `make test-clients` installs them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import CLIENTS, report
from tests.running import Running

PROGRAMS = Path(__file__).parent / "programs"
NodeProgram = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def node_clients() -> Path:
    """The folder of ``node_modules``."""
    folder = CLIENTS / "npm"
    assert (folder / "node_modules").is_dir(), "no npm clients here. Try: make test-clients"
    return folder


@pytest.fixture(scope="session")
def node_programs(node_clients: Path) -> Path:
    """The programs, where Node finds the packages from."""
    copies = node_clients / "programs"
    shutil.copytree(PROGRAMS, copies, dirs_exist_ok=True)
    return copies


@pytest.fixture
def node_program(server: Running, node_programs: Path, tmp_path: Path) -> NodeProgram:
    """Runs one of the programs against the server and returns what it reports."""

    def run(name: str) -> dict[str, Any]:
        return report(["node", str(node_programs / name)], server, tmp_path)

    return run
