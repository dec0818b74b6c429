"""Getting the other programs from the package registries, once, into build/peers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gptoss_metal.errors import Error

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "peers"
HERE: Final = Path(__file__).resolve().parent

LLAMA_PACKAGE: Final = "llama-cpp-python"
LLAMA_VERSION: Final = "0.3.36"
LLAMA_COMMIT: Final = "0c1e57098"
"""Of ggml-org/llama.cpp, which that source distribution carries."""
LLAMA_FLAGS: Final = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={HERE / 'llama' / 'worker.cmake'}",
)


@dataclass(frozen=True)
class Llama:
    """What was built: llama-bench, and our worker over the same library."""

    bench: Path
    worker: Path


def llama() -> Llama:
    """Build llama.cpp if that has not been done (ten minutes on two cores).

    Raises:
        Error: no CMake, or a step failed.
    """
    build = FOLDER / "llama"
    tools = Llama(build / "bin" / "llama-bench", build / "bin" / "llama-worker")
    FOLDER.mkdir(parents=True, exist_ok=True)
    source = _llama_source()
    cmake = _tool("cmake")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    if not (build / "CMakeCache.txt").is_file():
        run([cmake, "-S", str(source), "-B", str(build), *generator, *LLAMA_FLAGS])
    if not tools.bench.is_file():
        say("building llama.cpp; this takes about ten minutes, once")
    targets = ["--target", "llama-bench", "--target", "llama-worker"]
    run([cmake, "--build", str(build), "-j", str(os.cpu_count() or 1), *targets])
    return tools


def _llama_source() -> Path:
    name = f"{LLAMA_PACKAGE.replace('-', '_')}-{LLAMA_VERSION}"
    source = FOLDER / name / "vendor" / "llama.cpp"
    if source.is_dir():
        return source
    say(f"downloading {LLAMA_PACKAGE} {LLAMA_VERSION}")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    run([*pip, "--dest", str(FOLDER), f"{LLAMA_PACKAGE}=={LLAMA_VERSION}"])
    with tarfile.open(FOLDER / f"{name}.tar.gz") as archive:
        archive.extractall(FOLDER, filter="data")
    return source


def environment(name: str, packages: list[str]) -> Path:
    """Return the Python of a virtual environment with these packages; made if it is not there.

    Raises:
        Error: a package cannot be installed.
    """
    folder = FOLDER / name
    python = folder / "bin" / "python"
    done = folder / ".installed"
    wanted = "\n".join(packages)
    if not done.is_file() or done.read_text() != wanted:
        say(f"installing {', '.join(packages)}")
        run([sys.executable, "-m", "venv", str(folder)])
        run([str(python), "-m", "pip", "install", "--quiet", *packages])
        done.write_text(wanted)
    return python


def native(source: Path, target: Path) -> Path:
    """Compile one C++ file for exactly this processor, if it is newer than what is there.

    Raises:
        Error: no compiler, or it failed.
    """
    if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        flag = "-mcpu=native" if os.uname().machine in ("arm64", "aarch64") else "-march=native"
        flags = ["-std=c++20", "-O2", flag, "-pthread"]
        run([os.environ.get("CXX", "c++"), *flags, str(source), "-o", str(target)])
    return target


def run(command: list[str]) -> None:
    """Run one step; its output is shown only if it fails.

    Raises:
        Error: it failed.
    """
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        print(found.stdout[-4000:], found.stderr[-4000:], file=sys.stderr)
        what = f"{Path(command[0]).name} ended with {found.returncode}"
        raise Error(f"[peers] {what}. Try: the step by hand: {' '.join(command)}")


def say(text: str) -> None:
    """Print progress."""
    print(text, file=sys.stderr, flush=True)


def _tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        raise Error(f"[peers] there is no {name}. Try: pip install {name}")
    return found
