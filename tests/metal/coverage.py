"""Which lines of csrc/metal/ and of the kernels the tests executed.

Every pytest run with GPTOSS_METAL_COVERAGE=folder leaves a file there; afterwards

    python -m tests.metal.coverage folder

prints a table and the lines that no run executed, and fails when there are any. Basic blocks are
counted by clang's instrumentation (host: csrc/softmetal/coverage.h; kernels: the engine's), and
lines come from the debug information of the binaries.
"""

from __future__ import annotations

import functools
import json
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile

from gptoss_metal import _core

HOST = "csrc/metal/"
KERNELS = {path.name for path in (Path(__file__).parents[2] / "metal").iterdir()}

Lines = dict[str, dict[int, bool]]
"""File -> line -> whether it ran."""


@functools.cache
def line_rows(binary: Path) -> list[tuple[int, str, int]]:
    """Each row of the line tables about csrc/metal/: address, file, line (0: end of sequence)."""
    return list(_read_rows(binary))


def _read_rows(binary: Path) -> Iterator[tuple[int, str, int]]:
    with binary.open("rb") as stream:
        dwarf = ELFFile(stream).get_dwarf_info()
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            if program is None:
                continue
            files = program["file_entry"]
            directories = program["include_directory"]
            first = 0 if program["version"] >= 5 else 1
            for entry in program.get_entries():
                state = entry.state
                if state is None:
                    continue
                file = files[state.file - first]
                name = file.name.decode()
                index = file.dir_index - first
                folder = directories[index] if 0 <= index < len(directories) else b""
                path = f"{folder.decode() if isinstance(folder, bytes) else folder}/{name}"
                if state.end_sequence:
                    yield state.address, path, 0
                elif state.is_stmt:
                    yield state.address, path, state.line


def short(path: str, root: str) -> str | None:
    """The part of a path from csrc/metal/ on, or None for other files."""
    at = path.rfind(root)
    return path[at:] if at >= 0 and "softmetal" not in path else None


def host_lines(executed: set[int]) -> Lines:
    """Lines of the host code, given the offsets of the basic blocks that ran."""
    blocks = sorted(offset for offset, _ in _core.softmetal.host_blocks())
    lines: Lines = defaultdict(dict)
    for address, path, line in line_rows(Path(_core.__file__)):
        file = short(path, HOST)
        if file is None or line == 0:
            continue
        block = bisect_right(blocks, address) - 1
        if block < 0:
            continue
        ran = blocks[block] in executed
        lines[file][line] = lines[file].get(line, False) or ran
    return lines


def kernel_lines(runs: list[dict[str, dict[str, int]]]) -> Lines:
    """Lines of the kernels, summed over runs: file -> line -> count."""
    lines: Lines = defaultdict(dict)
    for run in runs:
        for path, counts in run.items():
            file = Path(path).name
            if file not in KERNELS:
                continue  # a kernel of software Metal's own tests
            for line, count in counts.items():
                of_file = lines[f"metal/{file}"]
                of_file[int(line)] = of_file.get(int(line), False) or count > 0
    return lines


def report(lines: Lines) -> int:
    """Print a table; return how many lines never ran."""
    missing = 0
    for file in sorted(lines):
        never = sorted(line for line, ran in lines[file].items() if not ran)
        missing += len(never)
        total = len(lines[file])
        share = 100 * (total - len(never)) / total
        remark = f"  never: {', '.join(map(str, never))}" if never else ""
        print(f"{file:45} {total - len(never):5} / {total:5}  {share:6.1f} %{remark}")
    total = sum(len(of_file) for of_file in lines.values())
    if total == 0:
        print("nothing was counted. Try: SOFTMETAL_COVERAGE=1.")
        return 1
    print(f"{'all':45} {total - missing:5} / {total:5}  {100 * (total - missing) / total:6.1f} %")
    return missing


def main(folder: str) -> int:
    """Report on the runs in a folder; 1 when a line of host code or kernels never ran."""
    runs = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
    if not runs:
        print(f"[coverage] no runs in {folder}. Try: make test-metal.", file=sys.stderr)
        return 2
    host = host_lines({offset for run in runs for offset in run["host"]})
    kernels = kernel_lines([run["kernels"] for run in runs])
    return 1 if report(host) + report(kernels) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
