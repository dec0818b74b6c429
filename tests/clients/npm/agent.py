"""A command-line agent, run as its user would run it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.program import answer
from tests.clients.conftest import PROGRAMS, environment
from tests.running import Running

TIMEOUT = 240
SUM = "What is 27 + 15?"
WEATHER = "What is the weather in Paris?"


class Agent:
    """One agent in an empty home and an empty folder.

    Args:
        name: in our catalogue of clients.
        bin_folder: where its command is.
        server: what it shall use.
        home: an empty folder.
    """

    def __init__(self, name: str, bin_folder: Path, server: Running, home: Path) -> None:
        self.home = home
        self.server = server
        self.variables = environment(server, home)
        self.variables["PATH"] = f"{bin_folder}:{self.variables['PATH']}"
        self.work = home / "work"
        self.work.mkdir()
        if name:
            asked = ("--url", server.url, "--model", "steady", "--write", "--json")
            self.setup = json.loads(answer("config", name, *asked, **self.variables))

    def run(self, *command: str, **environment: str) -> str:
        """What the agent prints; it must end well."""
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            cwd=self.work,
            env=self.variables | environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.server.said
        return done.stdout

    def lines(self, *command: str, **environment: str) -> list[dict[str, Any]]:
        """The JSON objects the agent prints, one a line."""
        printed = self.run(*command, **environment)
        return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]

    def weather_server(self, python: Path, tool: str) -> list[str]:
        """The command of an MCP server with a tool of that name; see `cities`."""
        return [str(python), str(PROGRAMS / "weather_server.py"), tool, str(self.home / "cities")]

    def cities(self) -> list[str]:
        """Whose weather the tool was asked for."""
        return (self.home / "cities").read_text().split()
