"""Joins the kernels into one source text and embeds it: ``kernel_source.py metal out.cpp``.

Metal compiles the kernels when a model is opened, from one string. It holds ``args.h`` and
``common.h``, then the other headers, then the ``.metal`` files, both by name; a file that another
one includes comes before it. ``#include "…"`` and ``#pragma once`` become empty lines, and
``#line`` names each file, so that compile errors point into ``metal/``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

FIRST: Final = ("args.h", "common.h")
OURS: Final = re.compile(r'\s*#\s*include\s*"(?:.*/)?([^"/]+)"')
ONCE: Final = re.compile(r"\s*#\s*pragma\s+once\b")
DELIMITER: Final = "kernels"
PIECE: Final = 12_000
"""Characters of one string literal at most; compilers have limits, and join neighbours."""


class Unreadable(Exception):
    """The kernels cannot be joined; the message says why and what to try."""


def order(folder: Path) -> list[Path]:
    """The files of a folder of kernels in the order of the joined text.

    Raises:
        Unreadable: there are none, or one includes what is not there.
    """
    headers = sorted(path.name for path in folder.glob("*.h") if path.name not in FIRST)
    kernels = sorted(path.name for path in folder.glob("*.metal"))
    if not kernels:
        raise Unreadable(f"there are no .metal files in {folder}. Try: the folder metal/.")
    ordered: list[str] = []
    for name in (*FIRST, *headers, *kernels):
        _add(folder, name, ordered, ())
    return [folder / name for name in ordered]


def _add(folder: Path, name: str, ordered: list[str], within: tuple[str, ...]) -> None:
    if name in ordered:
        return
    if name in within:
        raise Unreadable(f"{name} includes itself. Try: {' -> '.join((*within, name))}")
    path = folder / name
    if not path.is_file():
        raise Unreadable(f"{within[-1] if within else folder} needs {name}. Try: add it.")
    for line in path.read_text("utf-8").splitlines():
        included = OURS.match(line)
        if included:
            _add(folder, included[1], ordered, (*within, name))
    ordered.append(name)


def joined(folder: Path) -> str:
    """The source text of all kernels of a folder.

    Raises:
        Unreadable: as in `order`.
    """
    parts = []
    for path in order(folder):
        parts.append(f'#line 1 "metal/{path.name}"\n')
        for line in path.read_text("utf-8").splitlines():
            drop = OURS.match(line) or ONCE.match(line)
            parts.append("\n" if drop else line + "\n")
    return "".join(parts)


def embedded(text: str) -> str:
    """C++ that defines ``gptoss::metal::kKernelSource`` as a text.

    Raises:
        Unreadable: the text holds what ends a literal.
    """
    if f'){DELIMITER}"' in text or "\0" in text:
        raise Unreadable(f'the kernels hold ){DELIMITER}" or a zero byte. Try: without it.')
    literals: list[str] = []
    piece = ""
    for line in text.splitlines(keepends=True):
        if piece and len(piece) + len(line) > PIECE:
            literals.append(piece)
            piece = ""
        piece += line
    literals.append(piece)
    body = "\n".join(f'    R"{DELIMITER}({literal}){DELIMITER}"' for literal in literals)
    return (
        "// Made by packaging/kernel_source.py from metal/.\n"
        '#include "metal/kernel_source.h"\n\n'
        "namespace gptoss::metal {\n\n"
        "namespace {\n\n"
        f"constexpr char kText[] =\n{body};\n\n"
        "}  // namespace\n\n"
        "constinit const std::string_view kKernelSource{kText, sizeof kText - 1};\n\n"
        "}  // namespace gptoss::metal\n"
    )


def main(arguments: list[str]) -> int:
    """Runs the program; 0, 1 if the kernels cannot be joined, 2 if called wrongly."""
    if len(arguments) != 2:
        print("[kernels] from where to where? Try: kernel_source.py metal x.cpp", file=sys.stderr)
        return 2
    source, target = map(Path, arguments)
    try:
        target.write_text(embedded(joined(source)), "utf-8", newline="\n")
    except Unreadable as problem:
        print(f"[kernels] {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
