"""Apple's compiler is called rightly and its output embedded; a stand-in plays `xcrun` here."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.packaging.programs import ROOT, load

load("kernel_source.py")  # which metallib.py imports
metallib = load("metallib.py")

XCRUN = """#!/bin/sh
echo "$@" > "{log}"
while [ "$1" != -o ]; do shift; done
grep -q 'kernel void qkv' "$3" || exit 1
printf 'MTLB\\377\\000x' > "$2"
"""


def play(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a script in the place of xcrun."""
    tool = folder / "xcrun"
    tool.write_text(script)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_the_library_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(tmp_path, XCRUN.format(log=tmp_path / "log"), monkeypatch)
    target = tmp_path / "library.cpp"
    assert metallib.main([str(ROOT / "metal"), str(target)]) == 0
    called = (tmp_path / "log").read_text()
    assert called.startswith("-sdk macosx metal -std=metal3.1 -fno-fast-math")
    body = re.search(r"\[\] = \{\n(.*?)\n\};", target.read_text(), re.DOTALL)
    assert body is not None
    assert bytes(int(n) for n in body[1].split(",") if n.strip()) == b"MTLB\xff\x00x"


def test_a_refusal_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    play(tmp_path, "#!/bin/sh\nexit 1\n", monkeypatch)
    target = tmp_path / "library.cpp"
    assert metallib.main([str(ROOT / "metal"), str(target)]) == 1
    assert "Try: cmake -DGPTOSS_METALLIB=OFF" in capsys.readouterr().err
    assert not target.exists()


def test_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert metallib.main([]) == 2
    assert "Try:" in capsys.readouterr().err
