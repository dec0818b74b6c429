"""The command as it is typed, without peers: nothing is downloaded or built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.peers", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_ours_alone(tmp_path: Path) -> None:
    done = run(
        *("--shape", "tiny", "--peers", "", "--only", "decode,load", "--rounds", "2"),
        *("--steps", "2", "--folder", tmp_path),
        *("--json", tmp_path / "found.json", "--plot", tmp_path / "found"),
    )
    assert done.returncode == 0, done.stderr
    assert "load to first token  gptoss-metal" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert [list(one["values"]["gptoss-metal"]) for one in found["rounds"]] == [
        ["load", "decode"],
        ["load", "decode"],
    ]
    assert found["threads"] >= 1
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"tiny.safetensors", "found.json", "found.png", "found.svg"}


def test_prepare_measures_nothing(tmp_path: Path) -> None:
    done = run("--shape", "tiny", "--peers", "", "--prepare", "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"tiny.safetensors", "tiny-state-ours-4096.npz"}


def test_unknown_names_are_refused() -> None:
    done = run("--only", "decode,dance")
    assert done.returncode == 2
    assert "there is no dance; choose from decode, decode4096, busy" in done.stderr


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    done = run("--model", tmp_path / "none.safetensors", "--peers", "", "--folder", tmp_path)
    assert done.returncode == 1
    assert "none.safetensors" in done.stderr.splitlines()[-1]
    assert "Try:" in done.stderr.splitlines()[-1]
