"""The workflows can be read, and name programs, targets and files that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.programs import ROOT

yaml = pytest.importorskip("yaml")
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def commands(path: Path) -> str:
    jobs = read(path)["jobs"].values()
    return "\n".join(step.get("run", "") for job in jobs for step in job["steps"])


def test_all_are_there() -> None:
    assert [path.stem for path in FILES] == ["ci", "macos", "wheels"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_step_does_one_thing(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert True in workflow  # `on`, which YAML reads as a truth value
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@v[\d.]+", step["uses"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_make_targets_and_files_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\w[\w-]*)$", commands(path), re.M):
        assert f"\n{target}:" in makefile
    for name in re.findall(r"\b(?:tests|packaging)/[\w/.]+", path.read_text("utf-8")):
        assert (ROOT / name).exists(), name


def test_the_selftest_runs_under_validation() -> None:
    steps = read(ROOT / ".github" / "workflows" / "macos.yml")["jobs"]["build"]["steps"]
    [step] = [step for step in steps if "selftest --json" in step.get("run", "")]
    assert step["env"]["METAL_DEVICE_WRAPPER_TYPE"] == "1"
    assert step["env"]["MTL_SHADER_VALIDATION"] == "1"
    assert step["continue-on-error"] is True


def test_all_versions_of_python_get_wheels() -> None:
    steps = read(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]["wheels"]["steps"]
    [build] = [step["env"]["CIBW_BUILD"] for step in steps if "CIBW_BUILD" in step.get("env", {})]
    assert build.split() == [f"cp3{minor}-*" for minor in range(10, 15)]


def test_a_mac_gets_the_metal_headers() -> None:
    """Read as text: tomllib is not in Python 3.10."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    section = text.split("[build-system]")[1].split("\n[")[0]
    assert re.search(r"\"mlx-metal[^\"]*; sys_platform == 'darwin'\"", section)
