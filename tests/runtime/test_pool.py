"""The CPU backend's threads under the thread sanitizer, and faults that must be noticed there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.native import INCLUDES, ROOT

PROGRAM: Final = Path(__file__).parent / "pool.cpp"
POOL: Final = ROOT / "csrc" / "cpu" / "thread_pool.cpp"


def run(folder: Path, *faults: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    """Builds the program, with changes to the pool, and runs it."""
    text = POOL.read_text()
    for old, new in faults:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    source = folder / "thread_pool.cpp"
    source.write_text(text)
    subprocess.run(
        ["c++", "-g", "-O1", "-std=c++20", "-fsanitize=thread", *INCLUDES, PROGRAM, source,
         POOL.with_name("cores.cpp"), POOL.with_name("linux_cores.cpp"), "-lpthread",
         "-o", folder / "pool"],
        check=True,
    )  # fmt: skip
    return subprocess.run([folder / "pool"], capture_output=True, text=True, check=False)


def test_pool(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "right\n", "")


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(
            ("i < threads_; ++i) {\n    const ItemRange", "i < 1; ++i) {\n    const ItemRange"),
            "0 times", id="nobody takes over",
        ),
        pytest.param(("  wait_until_left();\n  if", "  if"), "", id="not waiting for workers"),
        pytest.param(("kSpinTime{30}", "kSpinTime{90'000'000}"), "idle", id="endless spinning"),
        pytest.param(("    failed_.store(true);\n", ""), "lost", id="exceptions forgotten"),
    ],
)  # fmt: skip
def test_faults_are_noticed(tmp_path: Path, fault: tuple[str, str], said: str) -> None:
    found = run(tmp_path, fault)
    assert found.returncode != 0
    assert said in found.stdout
