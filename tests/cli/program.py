"""The program itself, as users start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT = 120
TOOLS = """[{"type": "function", "function": {
  "name": "get_weather",
  "description": "Gets the current weather for a city.",
  "parameters": {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The name of the city."}},
    "required": ["city"]
  }
}}]"""
"""A file for ``--tools``: the tool that the demo model was trained to call."""


def start(*args: str | Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m gptoss_metal`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gptoss_metal", *map(str, args)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=os.environ | env,
    )


def refused(*args: str | Path, stdin: str = "", **env: str) -> str:
    """Runs it on bad input; checks that it said one line, exited with 2, and printed nothing."""
    done = start(*args, stdin=stdin, **env)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("["), done.stderr
    assert ". Try: " in lines[0], done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def answer(*args: str | Path, stdin: str = "", **env: str) -> str:
    """Runs it on good input and returns what it printed."""
    done = start(*args, stdin=stdin, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer_json(*args: str | Path, stdin: str = "") -> dict[str, Any]:
    """The one object it printed."""
    found = json.loads(answer(*args, stdin=stdin))
    assert isinstance(found, dict)
    return found
