"""The kernels as one text: order, line numbers, and the C++ that holds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.programs import FOLDER, ROOT, load

source = load("kernel_source.py")

FILES = {
    "args.h": "#pragma once\nstruct A { int n; };\n",
    "common.h": '#pragma once\n#include <metal_stdlib>\n#include "metal/args.h"\n',
    "alpha.h": '#include "zeta.h"\nint alpha() { return zeta(); }\n',
    "zeta.h": "int zeta() { return 1; }\n",
    "one.metal": '#include "common.h"\n#include "metal/alpha.h"\nkernel void one() {}\n',
    "another.metal": '// say "hello"\nkernel void another() {}',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "metal"
    path.mkdir()
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


def test_order_and_lines(folder: Path) -> None:
    text = source.joined(folder)
    names = [line.split('"')[1] for line in text.splitlines() if line.startswith("#line 1 ")]
    assert names == [
        f"metal/{name}"
        for name in ("args.h", "common.h", "zeta.h", "alpha.h", "another.metal", "one.metal")
    ]
    assert '#include "' not in text
    assert "#pragma once" not in text
    assert text.count("#include <metal_stdlib>") == 1
    for name, original in FILES.items():  # each line keeps its number
        part = text.split(f'#line 1 "metal/{name}"\n')[1].split("#line")[0].splitlines()
        kept = [line for line in original.splitlines() if not line.startswith(("#pragma", "#inc"))]
        lines = original.splitlines()
        assert len(part) == len(lines)
        assert all(part[lines.index(line)] == line for line in kept)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("zeta.h", '#include "alpha.h"\n', "includes itself"),
        ("zeta.h", '#include "nowhere.h"\n', "zeta.h needs nowhere.h"),
        ("one.metal", 'char c[] = R"kernels()kernels";\n', "hold"),
    ],
)
def test_what_cannot_be_joined(folder: Path, name: str, text: str, what: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(source.Unreadable, match=what):
        source.embedded(source.joined(folder))


def test_a_folder_without_kernels(tmp_path: Path) -> None:
    program = [sys.executable, str(FOLDER / "kernel_source.py")]
    done = subprocess.run(
        [*program, str(tmp_path), str(tmp_path / "out.cpp")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "no .metal files" in done.stderr
    assert subprocess.run(program, capture_output=True).returncode == 2


def test_the_compiled_text_is_the_text(tmp_path: Path) -> None:
    """Of the real kernels, through the compiler; the literal is split and joined on the way."""
    text = source.joined(ROOT / "metal")
    assert len(text) > 2 * source.PIECE
    generated = tmp_path / "kernel_source.cpp"
    program = [sys.executable, str(FOLDER / "kernel_source.py"), str(ROOT / "metal")]
    subprocess.run([*program, str(generated)], check=True)
    main = tmp_path / "main.cpp"
    main.write_text(
        '#include "metal/kernel_source.h"\n#include <cstdio>\n'
        "int main() { const auto s = gptoss::metal::kKernelSource;\n"
        "  std::fwrite(s.data(), 1, s.size(), stdout); return s.data()[s.size()]; }\n"
    )
    binary = tmp_path / "main"
    command = ["c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/csrc"]
    subprocess.run([*command, str(main), str(generated), "-o", str(binary)], check=True)
    assert subprocess.run([binary], capture_output=True, check=True).stdout.decode() == text
    first = generated.read_bytes()
    subprocess.run([*program, str(generated)], check=True)
    assert generated.read_bytes() == first
