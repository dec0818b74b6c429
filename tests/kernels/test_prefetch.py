"""What the compiler leaves of prefetching: GCC drops calls of functions that do nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.native import INCLUDES

from .programs import CPU, THIS

pytestmark = pytest.mark.long

ISA = list(THIS.sets)[-1]
PREFETCHED = re.compile(
    r"^(_ZN\w*IntegerBody\w*?4tileILN\w*7Storage\w*Lb1EEE\w*):\n(.*?)^\s*\.size\s+\1",
    re.MULTILINE | re.DOTALL,
)
"""A tile function with `prefetch`, and its instructions."""


def tiles(sources: Path) -> dict[str, int]:
    """Compile the kernels there as a build does; how often each prefetching tile prefetches."""
    start = [*THIS.compiler, "-std=c++20", "-O3", "-DNDEBUG", "-fPIC", THIS.definition]
    file = sources / "cpu" / f"kernels_{ISA}.cpp"
    command = [*start, *THIS.sets[ISA], f"-I{sources}", *INCLUDES, "-S", file, "-o", "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {
        name: len(re.findall(r"^\s*(?:prefetch|prfm)", body, re.MULTILINE))
        for name, body in PREFETCHED.findall(text)
    }


def test_every_tile_prefetches() -> None:
    """Its values and its scales."""
    found = tiles(CPU.parent)
    assert len(found) > 8
    assert all(count >= 2 for count in found.values()), found


def test_tiles_that_do_not_are_noticed(tmp_path: Path) -> None:
    sources = shutil.copytree(CPU.parent, tmp_path / "csrc")
    header = sources / "cpu" / "integer_impl.h"
    text = header.read_text()
    call = "if (prefetch) row.prefetch(g, groups, kRows);"
    assert text.count(call) == 1
    header.write_text(text.replace(call, ""))
    found = tiles(sources)
    assert len(found) > 8
    assert not any(found.values())
