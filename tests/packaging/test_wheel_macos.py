"""The macOS wheel is built here and checked; the checks refuse wheels with planted faults."""

from __future__ import annotations

import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.programs import ROOT, load

for needed in ("lief", "ziglang", "scikit_build_core"):
    pytest.importorskip(needed)

check = load("macos/check.py")
wheel = load("macos/wheel.py")
EXTENSION = f"gptoss_metal/_core{wheel.SUFFIX}"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as `make wheel-macos` makes it. On a new machine zig's libc++ takes minutes."""
    path = wheel.make(tmp_path_factory.mktemp("dist"))
    assert isinstance(path, Path)
    return path


@pytest.mark.timeout(1800)
def test_it_is_sound(built: Path) -> None:
    assert check.problems(built, check.kernels()) == []
    version = "".join(map(str, sys.version_info[:2]))
    assert built.name.endswith(f"-cp{version}-cp{version}-macosx_14_0_arm64.whl")
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    # Everything of the package and of convert is there, and nothing of the tests.
    for package, folder in (("gptoss_metal", "python/gptoss_metal"), ("convert", "tools/convert")):
        for path in (ROOT / folder).rglob("*.py"):
            inside = Path(package) / path.relative_to(ROOT / folder)
            inner = inside if package == "gptoss_metal" else Path("gptoss_metal") / inside
            assert inner.as_posix() in names
    assert not [name for name in names if not name.startswith("gptoss_metal")]


def changed(built: Path, folder: Path, change: Callable[[Files], None]) -> Path:
    """The wheel with a fault, under the same name and with a RECORD that fits."""
    with zipfile.ZipFile(built) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    record = next(name for name in files if name.endswith("/RECORD"))
    del files[record]
    change(files)
    target = folder / built.name
    wheel.write(target, files, record)
    return target


def in_extension(old: bytes, new: bytes) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        assert len(old) == len(new)
        assert old in files[EXTENSION]
        files[EXTENSION] = files[EXTENSION].replace(old, new)

    return change


def wrong_minos(files: Files) -> None:
    """macOS 14.0 in LC_BUILD_VERSION becomes 15.0."""
    data = files[EXTENSION]
    at = data.index(struct.pack("<I", 0x32))
    while struct.unpack_from("<II", data, at + 8) != (1, 14 << 16):
        at = data.index(struct.pack("<I", 0x32), at + 4)
    files[EXTENSION] = data[: at + 12] + struct.pack("<I", 15 << 16) + data[at + 16 :]


def drop(name: str) -> Callable[[Files], None]:
    return lambda files: files.__delitem__(name)


def add(name: str, data: bytes) -> Callable[[Files], None]:
    return lambda files: files.__setitem__(name, data)


def append(data: bytes) -> Callable[[Files], None]:
    return lambda files: files.__setitem__(EXTENSION, files[EXTENSION] + data)


def pure(files: Files) -> None:
    name = next(name for name in files if name.endswith("/WHEEL"))
    files[name] = files[name].replace(b"macosx_14_0_arm64", b"macosx_15_0_arm64")


KERNEL = b"kernel void attention_decode"
FAULTS: dict[str, tuple[Callable[[Files], None], str]] = {
    "minos": (wrong_minos, "needs macOS 15"),
    "architecture": (in_extension(b"\xcf\xfa\xed\xfe\x0c", b"\xcf\xfa\xed\xfe\x07"), "is for"),
    "no Mach-O": (add(EXTENSION, b"\x7fELF" + bytes(200)), "no Mach-O file"),
    "symbol": (in_extension(b"_strtoull\0", b"_strtoulx\0"), "imports _strtoulx, which is not"),
    "library": (in_extension(b"libobjc.A.dylib", b"libobjc.Z.dylib"), "links /usr/lib/libobjc.Z"),
    "entry": (in_extension(b"PyInit__core", b"PyInit__cxxx"), "no PyInit__core"),
    "kernel": (in_extension(KERNEL, b"kernel void attention_xxxxxx"), "not hold the kernels"),
    "software Metal": (append(b"N9softmetal6EngineE"), "holds software Metal"),
    "machine": (append(b"/home/someone/gptoss/x.cpp"), "names /home/someone/gptoss/x.cpp"),
    "second extension": (add("gptoss_metal/_core.so", b""), "gptoss_metal/_core.so is there too"),
    "no extension": (drop(EXTENSION), "darwin.so is missing"),
    "no module": (drop("gptoss_metal/py.typed"), "py.typed is missing"),
    "tag": (pure, "tag is not that of the name"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(built: Path, tmp_path: Path, fault: str) -> None:
    change, message = FAULTS[fault]
    found = check.problems(changed(built, tmp_path, change), check.kernels())
    assert any(message in problem for problem in found), found


def test_a_symbol_that_must_be_weak(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """_objc_msgSend is imported strongly; were it unknown in macOS 14, that would be wrong."""
    known = check.known_symbols() | {"_objc_msgSend": True}
    monkeypatch.setattr(check, "known_symbols", lambda: known)
    found = check.problems(built, check.kernels())
    assert found == ["the extension cannot do without _objc_msgSend, which macOS 14 may not have"]


def test_symbols_that_no_library_has(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's symbols come from no library: taken for others, each of them is found."""
    with zipfile.ZipFile(built) as archive:
        data = archive.read(EXTENSION)
    monkeypatch.setattr(check, "PYTHON", check.re.compile("_never"))
    known = check.known_symbols() | {"_PyLong_AsLong": False}
    monkeypatch.setattr(check, "known_symbols", lambda: known)
    found = check.binary_problems(data, check.kernels())
    assert "the extension imports _PyLong_AsLong from no library" in found
    assert "the extension imports _PyDict_New, which is not known to be in macOS 14" in found


def test_record(built: Path, tmp_path: Path) -> None:
    target = tmp_path / built.name
    with zipfile.ZipFile(built) as archive, zipfile.ZipFile(target, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            other.writestr(name, data + b"\n" if name == "gptoss_metal/model.py" else data)
        other.writestr("gptoss_metal/more.py", "")
    found = check.problems(target, check.kernels())
    assert "RECORD is wrong about gptoss_metal/model.py" in found
    assert "gptoss_metal/more.py is only in the archive" in found


def test_another_kernel(built: Path) -> None:
    found = check.problems(built, check.kernels() + b"\n// one more line\n")
    assert found == ["the extension does not hold the kernels of metal/"]


def test_the_name(tmp_path: Path) -> None:
    name = "gptoss_metal-0.1.0-cp312-cp312-linux_x86_64.whl"
    assert check.problems(tmp_path / name, b"") == [f"the name is {name}"]


def test_called_wrongly() -> None:
    assert wheel.main([]) == 2
    assert check.main([]) == 2
