"""A metal-cpp program linked with software Metal: queues, handlers, events, residency, blits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILDS = ("softmetal/cmake", "sm")
"""Folders under build/ that hold the objects of the software-Metal build."""


def objects() -> list[str]:
    """The object files of csrc/softmetal, from the latest build."""
    found = [
        folder
        for name in BUILDS
        if (folder := ROOT / "build" / name / "CMakeFiles" / "softmetal.dir").is_dir()
    ]
    if not found:
        pytest.fail("[tests] software Metal is not built. Try: make build-metal", pytrace=False)
    newest = max(found, key=lambda folder: folder.stat().st_mtime)
    return [str(path) for path in sorted(newest.rglob("*.o"))]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of this folder, compiled and linked as csrc/softmetal/README.md says."""
    target = tmp_path_factory.mktemp("program") / "program"
    includes = [f"-I{ROOT}/csrc"]
    for folder in ("build/metal-cpp", "csrc/apple/common", "csrc/apple/linux"):
        includes += ["-isystem", str(ROOT / folder)]
    subprocess.run(
        [sys.executable, "-m", "ziglang", "c++", "-std=c++20", "-fblocks", "-O1",
         "-fno-sanitize=undefined", "-fno-delete-null-pointer-checks", *includes,
         str(Path(__file__).parent / "program.cpp"), *objects(), "-o", str(target)],
        check=True,
    )  # fmt: skip
    return target


def run(program: Path, name: str) -> tuple[dict[str, int], dict[str, str]]:
    """What it printed in checked mode: values by name, findings by kind."""
    environment = {**os.environ, "SOFTMETAL_MODE": "checked", "SOFTMETAL_PYTHON": sys.executable}
    done = subprocess.run(
        [program, name], env=environment, check=True, capture_output=True, text=True, timeout=120
    )
    values, findings = {}, {}
    for line in done.stdout.splitlines():
        key, value = line.split(" ", 1)
        if key == "finding":
            kind, text = value.split(" ", 1)
            findings[kind] = text
        else:
            values[key] = int(value)
    return values, findings


def test_asynchronous_command_buffers(program: Path) -> None:
    values, findings = run(program, "asynchronous")
    assert findings == {}
    assert values == {
        "pending": 1, "completed": 1, "handlers_in_order": 2, "gpu_time": 1, "value": 2,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["event", "event_by_host"])
def test_shared_events_order_queues(program: Path, name: str) -> None:
    """By a wait on the other queue, and by a host that commits after it has seen the value."""
    values, findings = run(program, name)
    assert findings == {}
    assert values == {"waits": 1, "seen": 1, "value": 2}


def test_queues_without_an_order(program: Path) -> None:
    """The commands run one after the other here, and are reported all the same."""
    _, findings = run(program, "unordered")
    assert set(findings) == {"missing-fence"}
    assert findings["missing-fence"].count("`increase`") == 2
    assert 'argument `y` (buffer 0, "numbers")' in findings["missing-fence"]


@pytest.mark.parametrize("name", ["residency_set", "use_resource", "not_resident"])
def test_residency(program: Path, name: str) -> None:
    values, findings = run(program, name)
    assert values == {"value": 63}
    assert set(findings) == ({"not-resident"} if name == "not_resident" else set())
    assert all('buffer "page"' in text for text in findings.values())


@pytest.mark.parametrize("name", ["blit", "blit_without_fence"])
def test_blits_are_commands_too(program: Path, name: str) -> None:
    values, findings = run(program, name)
    assert values == {"value": 0x01010102}
    assert set(findings) == (set() if name == "blit" else {"missing-fence"})
    assert all("`fillBuffer`" in text for text in findings.values())


def test_misuse(program: Path) -> None:
    values, findings = run(program, "misuse")
    assert values == {"no_copy": 0}
    assert set(findings) == {"api"}
