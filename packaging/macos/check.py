"""What must be true of the macOS wheel: ``python packaging/macos/check.py gptoss_metal-….whl``.

Nothing of it is executed: the extension's Mach-O file is read with lief, the archive with zipfile.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import lief

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "packaging"))

import kernel_source  # noqa: E402

NAME: Final = re.compile(
    r"gptoss_metal-(?P<version>[^-]+)-(?P<python>cp3\d+)-(?P=python)-macosx_14_0_arm64\.whl"
)
MINOS: Final = (14, 0)
LIBRARIES: Final = {
    "/System/Library/Frameworks/Foundation.framework/Versions/C/Foundation",
    "/System/Library/Frameworks/Metal.framework/Versions/A/Metal",
    "/usr/lib/libSystem.B.dylib",
    "/usr/lib/libobjc.A.dylib",
}
OWN_NAME: Final = lief.MachO.LoadCommand.TYPE.ID_DYLIB
SYMBOLS: Final = Path(__file__).parent / "symbols.txt"
PYTHON: Final = re.compile(r"__?Py")
ANYWHERE: Final = -2
"""Instead of a library's number: whatever the process has. Right for Python's symbols."""
MACHINE: Final = re.compile(rb"/(?:root|home|work|tmp|Users|build|opt)/[\w./+-]+")
NEEDED: Final = (
    "gptoss_metal/__init__.py",
    "gptoss_metal/_core.pyi",
    "gptoss_metal/py.typed",
    "gptoss_metal/convert/__init__.py",
    "gptoss_metal/selftest/__init__.py",
    "gptoss_metal/cli/main.py",
)


def kernels() -> bytes:
    """The kernels' source as the extension must hold it."""
    return kernel_source.joined(ROOT / "metal").encode()


def problems(wheel: Path, source: bytes) -> list[str]:
    """What is wrong with a wheel; nothing if it is sound.

    Args:
        wheel: the file.
        source: the kernels that it must hold.
    """
    named = NAME.fullmatch(wheel.name)
    if named is None:
        return [f"the name is {wheel.name}"]
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    info = f"gptoss_metal-{named['version']}.dist-info"
    extension = f"gptoss_metal/_core.cpython-{named['python'][2:]}-darwin.so"
    found = [f"{name} is missing" for name in (*NEEDED, extension) if name not in files]
    found += _metadata(files, info, wheel.name)
    found += _record(files, f"{info}/RECORD")
    found += [
        f"{name} is there too" for name in files if name.endswith(".so") and name != extension
    ]
    for name, data in files.items():
        paths = sorted({path.decode() for path in MACHINE.findall(data)})
        found += [f"{name} names {path}, a folder of the build machine" for path in paths]
    if extension in files:
        found += binary_problems(files[extension], source)
    return found


def _metadata(files: dict[str, bytes], info: str, name: str) -> Iterator[str]:
    wheel = files.get(f"{info}/WHEEL", b"").decode().splitlines()
    tag = "-".join(name.removesuffix(".whl").split("-")[2:])
    if f"Tag: {tag}" not in wheel or sum(line.startswith("Tag:") for line in wheel) != 1:
        yield "WHEEL's tag is not that of the name"
    if "Root-Is-Purelib: false" not in wheel:
        yield "WHEEL says it is pure Python"
    metadata = files.get(f"{info}/METADATA", b"").decode()
    version = info.removesuffix(".dist-info").split("-")[1]
    for line in ("Name: gptoss-metal", f"Version: {version}", "Requires-Dist: numpy>=1.26"):
        if line not in metadata.splitlines():
            yield f"METADATA lacks '{line}'"
    if "gptoss-metal = gptoss_metal.cli.main:main" not in (
        files.get(f"{info}/entry_points.txt", b"").decode()
    ).replace("=", " = ").replace("  ", " "):
        yield "the command gptoss-metal is missing"


def _record(files: dict[str, bytes], record: str) -> Iterator[str]:
    if record not in files:
        yield "RECORD is missing"
        return
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(files[record].decode())) if row}
    for name in sorted(rows.keys() ^ files.keys()):
        yield f"{name} is only in {'RECORD' if name in rows else 'the archive'}"
    for name in sorted(rows.keys() & files.keys() - {record}):
        data = files[name]
        hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        if rows[name] != [f"sha256={hashed}", str(len(data))]:
            yield f"RECORD is wrong about {name}"


lief.logging.disable()


def binary_problems(data: bytes, source: bytes) -> list[str]:
    """What is wrong with the extension; nothing if it is sound."""
    parsed = lief.MachO.parse(list(data))
    binary = parsed.at(0) if parsed is not None and parsed.size == 1 else None
    if binary is None:
        return ["the extension is no Mach-O file for one architecture"]
    found = []
    if binary.header.cpu_type != lief.MachO.Header.CPU_TYPE.ARM64:
        found.append(f"the extension is for {binary.header.cpu_type}")
    version = binary.build_version
    if version is None or version.platform != lief.MachO.BuildVersion.PLATFORMS.MACOS:
        found.append("the extension is not for macOS")
    elif tuple(version.minos[:2]) != MINOS:
        found.append(f"the extension needs macOS {'.'.join(map(str, version.minos))}")
    linked = {library.name for library in binary.libraries if library.command != OWN_NAME}
    found += [f"the extension links {name}" for name in sorted(linked - LIBRARIES)]
    found += [f"the extension does not link {name}" for name in sorted(LIBRARIES - linked)]
    found += _symbol_problems(binary)
    if "_PyInit__core" not in {symbol.name for symbol in binary.exported_symbols}:
        found.append("the extension exports no PyInit__core")
    if source not in data:
        found.append("the extension does not hold the kernels of metal/")
    if b"softmetal" in data:
        found.append("the extension holds software Metal")
    return found


def known_symbols() -> dict[str, bool]:
    """The symbols of macOS that the extension may import, and whether only weakly (symbols.txt)."""
    known = {}
    for line in SYMBOLS.read_text("ascii").splitlines():
        if line and not line.startswith("#"):
            known[line.removeprefix("weak ")] = line.startswith("weak ")
    return known


def _symbol_problems(binary: Any) -> Iterator[str]:
    known = known_symbols()
    for symbol in binary.imported_symbols:
        name = str(symbol.name)
        if PYTHON.match(name):
            continue
        if name not in known:
            yield f"the extension imports {name}, which is not known to be in macOS 14"
        elif symbol.has_binding_info:
            if symbol.binding_info.library_ordinal == ANYWHERE:
                yield f"the extension imports {name} from no library"
            if known[name] and not symbol.binding_info.weak_import:
                yield f"the extension cannot do without {name}, which macOS 14 may not have"


def main(arguments: list[str]) -> int:
    """Runs the program; 0, 1 if something is wrong, 2 if called wrongly."""
    if len(arguments) != 1:
        print("[wheel-macos] which wheel? Try: check.py dist/gptoss_metal-….whl", file=sys.stderr)
        return 2
    found = problems(Path(arguments[0]), kernels())
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
