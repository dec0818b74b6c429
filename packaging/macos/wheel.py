"""Builds the macOS wheel on any machine, and checks it: ``python packaging/macos/wheel.py dist``.

zig's clang compiles the extension for arm64 and macOS 14 (toolchain.cmake), through the same
CMakeLists.txt and the same build backend as everywhere. The wheel that comes out is named for this
machine; it is written again under its real name: only its tag and RECORD change.

It is for the version of Python that runs this program, whose headers are used. Of these, pyconfig.h
was made for this machine's system: sizes of types are the same on arm64 macOS, and what differs
(which system headers exist, long double) is read neither by pybind11 nor by us. Wheels to publish
are built on a Mac (.github/workflows/wheels.yml); this one shows on Linux that they can be.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

import check

ROOT: Final = Path(__file__).parents[2]
NEEDED: Final = ("ziglang", "scikit_build_core", "pybind11", "cmake", "ninja", "lief")
PYTHON: Final = f"cp{sys.version_info[0]}{sys.version_info[1]}"
PLATFORM: Final = "macosx_14_0_arm64"
SUFFIX: Final = f".cpython-{sys.version_info[0]}{sys.version_info[1]}-darwin.so"
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The time of all files in the wheel, whenever it is built."""


class Failed(Exception):
    """There is no wheel; the message says why and what to try."""


def headers(folder: Path) -> Path:
    """Returns Python's headers.

    Debian's pyconfig.h only includes one of several by the machine that is compiled for, and knows
    no Mac: then a folder of links is made whose pyconfig.h is this machine's.
    """
    include = Path(sysconfig.get_path("include"))
    own = include.parent / str(sysconfig.get_config_var("MULTIARCH")) / include.name / "pyconfig.h"
    if not own.is_file():
        return include
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for header in include.iterdir():
        (folder / header.name).symlink_to(own if header.name == own.name else header)
    return folder


def build(folder: Path, build_folder: Path) -> Path:
    """Builds the wheel under this machine's name.

    Raises:
        Failed: a tool is missing, or it does not compile.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Failed(f"{', '.join(missing)} missing. Try: pip install --group test")
    zig = Path(str(importlib.import_module("ziglang").__file__)).parent / "zig"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    for setting in (
        f"build-dir={build_folder}",
        "install.strip=false",  # this machine's strip does not know Mach-O; the linker does it
        f"cmake.define.CMAKE_TOOLCHAIN_FILE={ROOT}/packaging/macos/toolchain.cmake",
        f"cmake.define.ZIG={zig}",
        f"cmake.define.PYTHON_MODULE_EXTENSION={SUFFIX}",
        f"cmake.define.Python_INCLUDE_DIR={headers(build_folder / 'python')}",
    ):
        command += ["-C", setting]
    # Two compilers at a time need about a gigabyte.
    environment = {"CMAKE_BUILD_PARALLEL_LEVEL": str(min(2, os.cpu_count() or 1))} | os.environ
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise Failed("it does not compile. Try: read what the compiler says above.")
    return next(folder.glob("*.whl"))


def renamed(wheel: Path, folder: Path) -> Path:
    """Writes a wheel of this machine again as one for macOS; returns the new file."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    info = record.removesuffix("/RECORD")
    del files[record]
    tag = f"{PYTHON}-{PYTHON}-{PLATFORM}"
    lines = files[f"{info}/WHEEL"].decode().splitlines()
    kept = [line for line in lines if line and not line.startswith("Tag:")]
    files[f"{info}/WHEEL"] = "".join(f"{line}\n" for line in [*kept, f"Tag: {tag}"]).encode()
    target = folder / f"{info.removesuffix('.dist-info')}-{tag}.whl"
    write(target, files, record)
    return target


def write(target: Path, files: dict[str, bytes], record: str) -> None:
    """Writes a wheel, with a RECORD of its files."""
    rows = [f"{name},sha256={digest(data)},{len(data)}\n" for name, data in sorted(files.items())]
    contents = dict(sorted(files.items())) | {record: "".join([*rows, f"{record},,\n"]).encode()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
            archive.writestr(entry, data)


def digest(data: bytes) -> str:
    """A sha256 as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def make(folder: Path) -> Path:
    """Builds and checks the wheel.

    Raises:
        Failed: it does not compile, or something is wrong with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        built = build(Path(temporary), ROOT / "build" / f"macos-{PYTHON}")
        wheel = renamed(built, folder)
    problems = check.problems(wheel, check.kernels())
    if problems:
        raise Failed(f"{wheel.name}: {'; '.join(problems)}. Try: look at packaging/macos/check.py")
    return wheel


def main(arguments: list[str]) -> int:
    """Runs the program; 0, 1 without a sound wheel, 2 if called wrongly."""
    if len(arguments) != 1:
        print("[wheel-macos] into which folder? Try: wheel.py dist", file=sys.stderr)
        return 2
    try:
        print(make(Path(arguments[0])))
    except Failed as problem:
        print(f"[wheel-macos] {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
