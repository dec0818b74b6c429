"""The C interface's choice of a backend, in a build without Metal."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.chat.models import write_small
from tests.native import INCLUDES, core_sources


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("c")
    source, result = folder / "backends.o", folder / "backends"
    for command in (
        ["cc", "-Wall", "-Wextra", "-Werror", *INCLUDES, "-c",
         Path(__file__).with_name("backends.c"), "-o", source],
        ["c++", "-O0", "-std=c++20", *INCLUDES, *core_sources("neon", "avx"), source, "-lpthread",
         "-o", result],
    ):  # fmt: skip
        subprocess.run(command, check=True)
    return result


def test_backends(program: Path, tmp_path: Path) -> None:
    model = write_small(tmp_path / "small.safetensors")
    command = [program, model, "-", "", "cpu", "metal", "cuda"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[:3] == ["cpu", "cpu", "cpu"]
    assert "no Metal backend. Try: " in lines[3]
    assert "'cuda'. Try: " in lines[4]
