"""Build programs over the CPU kernels, for this processor and for AArch64."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.native import INCLUDES, ROOT

CPU = ROOT / "csrc" / "cpu"
CACHE = {"ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build" / "zig")}
AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = (*AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-Wno-uninitialized",
          "-Wno-maybe-uninitialized")  # fmt: skip


@dataclass(frozen=True)
class Processor:
    """A kind of processor, and how to compile for it."""

    compiler: tuple[str, ...]
    definition: str
    sets: dict[str, tuple[str, ...]]
    """The options of kernels_<set>.cpp, as in CMakeLists.txt."""

    def compile(self, folder: Path, sources: Sequence[Path], options: Sequence[str] = ()) -> Path:
        """Compile C++ files (or objects) and all sets of kernels into a program in the folder."""
        start = [*self.compiler, "-std=c++20", "-O2", "-ffp-contract=off", self.definition,
                 *options, *INCLUDES]  # fmt: skip
        objects = []
        for name, flags in self.sets.items():
            objects.append(folder / f"kernels_{name}.o")
            command = [*start, *flags, "-c", CPU / f"kernels_{name}.cpp", "-o", objects[-1]]
            subprocess.run(command, check=True, env=os.environ | CACHE)
        program = folder / "program"
        command = [*start, *sources, *objects, "-lpthread", "-o", program]
        subprocess.run(command, check=True, env=os.environ | CACHE)
        return program


def plant(folder: Path, header: str, old: str, new: str) -> str:
    """Change one place in a copy of a header of the kernels; returns the option that prefers it."""
    text = (CPU / header).read_text()
    assert text.count(old) == 1
    changed = folder / "cpu" / header
    changed.parent.mkdir()
    changed.write_text(text.replace(old, new))
    return f"-I{folder}"


X86 = Processor(
    ("c++",),
    "-DGPTOSS_X86",
    {"portable": (), "avx2": AVX2, "avx512": AVX512, "avx512vnni": (*AVX512, "-mavx512vnni")},
)
ARM_SETS: dict[str, tuple[str, ...]] = {
    "portable": (),
    "neon": (),
    "neondot": ("-mcpu=generic+dotprod",),
    "neoni8mm": ("-mcpu=generic+dotprod+i8mm",),
}
ARM = Processor(("c++",), "-DGPTOSS_NEON", ARM_SETS)
ZIG = (sys.executable, "-m", "ziglang")
LINUX_ARM = ("-target", "aarch64-linux-musl")
EMULATED_ARM = Processor((*ZIG, "c++", *LINUX_ARM), "-DGPTOSS_NEON", ARM_SETS)
EVERY_SET = tuple(X86.sets | ARM_SETS)
PORTABLE = Processor(("c++",), "-UGPTOSS_X86", {"portable": ()})
"""No instruction set in particular: quick to compile."""
THIS = ARM if platform.machine() in ("arm64", "aarch64") else X86

EMULATED_CPUS = {"neoni8mm": "max", "neondot": "neoverse-n1", "neon": "cortex-a53"}
"""For each set, a processor of qemu's that has it as the best."""
