"""The command as it is typed, with a tiny model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.growth", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def check(series: dict[str, Any], rounds: int) -> list[int]:
    """The points of one series, after its rounds and figures were looked at."""
    points = [row["point"] for row in series["figures"]]
    assert len(series["rounds"]) == rounds
    for one in series["rounds"]:
        assert list(map(int, one["up"])) == points
        assert list(map(int, one["down"])) == points[::-1]
        assert all(gbs > 0 for gbs in one["read_gbs"])
    assert all(row["value"]["low"] > 0 for row in series["figures"])
    return points


def test_series_of_a_model(model: Path, tmp_path: Path) -> None:
    found = tmp_path / "found"
    done = run(
        *("--model", model, "--only", "batch,load,memory", "--rounds", "2", "--steps", "1"),
        *("--folder", tmp_path, "--json", found.with_suffix(".json"), "--plot", found),
    )
    assert done.returncode == 0, done.stderr
    whole = json.loads(found.with_suffix(".json").read_text())
    assert list(whole["series"]) == ["batch", "load", "load-token"]
    points = {name: check(series, 2) for name, series in whole["series"].items()}
    assert points["batch"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert points["load"] == points["load-token"]
    assert points["load"][-1] == model.stat().st_size
    assert [one["context"] for one in whole["memory"]] == [1024 << power for power in range(6)]
    assert "memory by context, MB" in done.stdout
    assert found.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(found.with_suffix(".svg")).getroot().tag.endswith("svg")
    assert {path.name for path in tmp_path.iterdir()} == {"found.json", "found.png", "found.svg"}


def test_chosen_thread_counts(model: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    done = run(
        *("--model", model, "--only", "threads", "--points", "1,3", "--rounds", "1"),
        *("--steps", "1", "--json", found),
    )
    assert done.returncode == 0, done.stderr
    series = json.loads(found.read_text())["series"]
    assert {name: check(one, 1) for name, one in series.items()} == {
        "threads": [1, 3],
        "threads-prefill": [1, 3],
    }


def test_chosen_prompts(model: Path) -> None:
    done = run("--model", model, "--only", "prompt", "--points", "1,40", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    heading, _, head, _, short, long = done.stdout.strip().splitlines()
    assert heading.startswith("prefill by tokens of prompt; read bandwidth beside it ")
    assert head == "| tokens of prompt | tok/s | min … max | over 1 |"
    assert (short[:6], long[:7]) == ("| 1 | ", "| 40 | ")


def test_chosen_contexts_of_a_shape_whose_file_is_removed(tmp_path: Path) -> None:
    done = run(
        *("--shape", "tiny", "--only", "context", "--points", "0,512", "--rounds", "1"),
        *("--steps", "1", "--folder", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    heading, _, head, _, nothing, deep = done.stdout.strip().splitlines()
    assert heading.startswith("decode by tokens before; read bandwidth beside it ")
    assert head.startswith("| tokens before | tok/s | min … max | over 0 |")
    assert (nothing[:6], deep[:8]) == ("| 0 | ", "| 512 | ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "dance"], "there is no dance; choose from context, batch"),
        (["--points", "1,2"], "--points are of one series"),
        (["--only", "batch", "--points", "2,1"], "--points must ascend"),
        (["--rounds", "0"], "--rounds and --steps are at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    done = run("--model", tmp_path / "none.safetensors", "--only", "context")
    assert done.returncode == 1
    assert "none.safetensors" in done.stderr.splitlines()[-1]
    assert "Try:" in done.stderr.splitlines()[-1]
