"""Compiles the kernels with Apple's own compiler, where Xcode has it, and embeds the library.

    python packaging/metallib.py metal kernel_library.cpp

Writes C++ that defines ``gptoss::metal::kMetallib``. Without it the kernels are compiled when a
model is loaded. CMake calls this only where ``xcrun --find metal`` finds the compiler.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from kernel_source import Unreadable, joined

# As csrc/metal/library.cpp asks for when it compiles the text.
FLAGS = ["-std=metal3.1", "-fno-fast-math", "-O2", "-mmacosx-version-min=14.0"]
PER_LINE = 24


def compiled(source: str) -> bytes:
    """The metallib of a Metal text.

    Raises:
        subprocess.CalledProcessError: Apple's compiler refuses it.
    """
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "kernels.metal"), Path(folder, "kernels.metallib")
        text.write_text(source, "utf-8")
        tool = ["xcrun", "-sdk", "macosx", "metal"]
        subprocess.run([*tool, *FLAGS, "-o", str(library), str(text)], check=True)
        return library.read_bytes()


def embedded(library: bytes) -> str:
    """C++ that defines ``kMetallib`` and ``kMetallibBytes``."""
    rows = [library[at : at + PER_LINE] for at in range(0, len(library), PER_LINE)]
    body = "\n".join("    " + ",".join(map(str, row)) + "," for row in rows)
    return (
        "// Made by packaging/metallib.py from metal/.\n"
        '#include "metal/kernel_source.h"\n\n'
        "namespace gptoss::metal {\n\n"
        f"alignas(16) const unsigned char kMetallib[] = {{\n{body}\n}};\n"
        "const size_t kMetallibBytes = sizeof kMetallib;\n\n"
        "}  // namespace gptoss::metal\n"
    )


def main(arguments: list[str]) -> int:
    """Runs the program; 0, 1 if there is no library to be had, 2 if called wrongly."""
    if len(arguments) != 2:
        print("[kernels] from where to where? Try: metallib.py metal x.cpp", file=sys.stderr)
        return 2
    folder, target = map(Path, arguments)
    try:
        library = compiled(joined(folder))
    except (Unreadable, OSError, subprocess.CalledProcessError) as problem:
        print(f"[kernels] {problem}. Try: cmake -DGPTOSS_METALLIB=OFF.", file=sys.stderr)
        return 1
    target.write_text(embedded(library), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
