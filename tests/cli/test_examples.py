"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"


def test_all_are_tested() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.py")) == sorted(EXAMPLES)


EXAMPLES = {
    "chat.py": "42",
    "tool_call.py": "Oslo",
    "logits.py": "mean log-probability",
    "batch_generate.py": "Paris",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_runs(demo_path: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / name], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert EXAMPLES[name] in done.stdout
