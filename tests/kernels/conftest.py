"""Fixtures of the kernel tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .products import Products
from .programs import CPU, EMULATED_ARM, EMULATED_CPUS, THIS

SOURCES = [Path(__file__).parent / "products.cpp", CPU / "kernels.cpp"]
SANITIZED = ["-O1", "-fsanitize=address,signed-integer-overflow",
             "-fno-sanitize-recover=signed-integer-overflow"]  # fmt: skip


@pytest.fixture(scope="session")
def emulator() -> str:
    """Path of the program that runs AArch64 code."""
    found = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if found is None:
        pytest.skip("qemu-aarch64 is not installed. Try: apt-get install qemu-user")
    return found


@pytest.fixture(scope="session")
def _native(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The products of this processor, checked for reads and writes outside their arrays."""
    return (THIS.compile(tmp_path_factory.mktemp("products"), SOURCES, SANITIZED),)


@pytest.fixture(scope="session")
def _emulated(tmp_path_factory: pytest.TempPathFactory, emulator: str) -> tuple[str | Path, ...]:
    """The products of AArch64, before the name of a processor."""
    return (emulator, EMULATED_ARM.compile(tmp_path_factory.mktemp("aarch64"), SOURCES))


@pytest.fixture(
    scope="session",
    params=[*THIS.sets, *(pytest.param(f"emulated {isa}", marks=pytest.mark.long)
                          for isa in EMULATED_CPUS)],
)  # fmt: skip
def products(request: pytest.FixtureRequest) -> Products:
    """The integer products of each instruction set in turn."""
    emulated, _, isa = request.param.rpartition(" ")
    if emulated:
        qemu, program = request.getfixturevalue("_emulated")
        return Products((qemu, "-cpu", EMULATED_CPUS[isa], program), isa)
    found = Products(request.getfixturevalue("_native"), isa)
    if not found.supported:
        pytest.skip(f"this processor does not run {isa!r} code")
    return found
