"""Puts Apple's metal-cpp headers into a folder: ``python metal_cpp.py build/metal-cpp``.

The macOS wheel of ``mlx-metal`` carries them (Apache-2.0) under ``mlx/include/metal_cpp``. On a Mac
that wheel is a build requirement, and they are copied from there; elsewhere it cannot be installed,
so it is downloaded and unpacked. A folder that is already complete is left as it is.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

PINNED: Final = "0.32.4"
INSIDE: Final = PurePosixPath("mlx/include/metal_cpp")
WHEEL: Final = ("--platform", "macosx_14_0_arm64", "--python-version", "3.12")
NEEDED: Final = ("Metal/Metal.hpp", "Foundation/Foundation.hpp", "QuartzCore/QuartzCore.hpp")


class Missing(Exception):
    """The headers could not be had; the message says why and what to try."""


def complete(folder: Path) -> bool:
    """Whether a folder holds the headers that the build includes."""
    return all((folder / name).is_file() for name in NEEDED)


def from_installed(folder: Path) -> bool:
    """Copies the headers of an installed mlx-metal; False if there is none."""
    try:
        installed = importlib.metadata.distribution("mlx-metal")
    except importlib.metadata.PackageNotFoundError:
        return False
    source = Path(str(installed.locate_file(INSIDE)))
    if not complete(source):
        return False
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return True


def from_wheel(wheel: Path, folder: Path) -> None:
    """Unpacks the headers of a wheel file.

    Raises:
        Missing: it holds none.
    """
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = PurePosixPath(entry.filename)
            if entry.is_dir() or not name.is_relative_to(INSIDE):
                continue
            target = folder / name.relative_to(INSIDE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(entry))
    if not complete(folder):
        raise Missing(f"{wheel.name} holds no metal-cpp headers. Try: mlx-metal=={PINNED}.")


def download(folder: Path) -> Path:
    """Downloads the pinned wheel into a folder with this Python's pip.

    Raises:
        Missing: pip is not there, or it could not download.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *WHEEL]
    command += ["--only-binary=:all:", "--dest", str(folder), f"mlx-metal=={PINNED}"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = sorted(folder.glob("mlx_metal-*.whl"))
    if done.returncode == 0 and found:
        return found[0]
    said = done.stderr.strip().splitlines() or ["pip said nothing"]
    raise Missing(
        f"mlx-metal {PINNED}, which carries metal-cpp, could not be downloaded: {said[-1]} "
        "Try: with a network connection, or unpack mlx/include/metal_cpp of its macOS wheel into "
        "build/metal-cpp yourself."
    )


def provide(folder: Path) -> None:
    """Fills a folder with the headers, unless it has them.

    Raises:
        Missing: there is no way to get them.
    """
    if complete(folder) or from_installed(folder):
        return
    with tempfile.TemporaryDirectory() as temporary:
        from_wheel(download(Path(temporary)), folder)


def main(arguments: list[str]) -> int:
    """Runs the program; 0, 1 without headers, 2 if called wrongly."""
    if len(arguments) != 1:
        print("[metal-cpp] which folder? Try: metal_cpp.py build/metal-cpp", file=sys.stderr)
        return 2
    try:
        provide(Path(arguments[0]))
    except Missing as problem:
        print(f"[metal-cpp] {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
