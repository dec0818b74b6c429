"""metal-cpp's headers: from an installed mlx-metal, from its wheel, or a clear refusal."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.programs import load

metal_cpp = load("metal_cpp.py")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / f"mlx_metal-{metal_cpp.PINNED}-py3-none-macosx_14_0_arm64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*metal_cpp.NEEDED, "LICENSE.txt"):
            archive.writestr(f"{metal_cpp.INSIDE}/{name}", f"// {name}\n")
        archive.writestr("mlx/lib/libmlx.dylib", "not wanted")
    return path


def not_installed(name: str) -> Any:
    raise metal_cpp.importlib.metadata.PackageNotFoundError(name)


def test_from_the_wheel(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metal_cpp.importlib.metadata, "distribution", not_installed)
    monkeypatch.setattr(metal_cpp, "download", lambda folder: wheel)
    folder = tmp_path / "new" / "metal-cpp"
    assert metal_cpp.main([str(folder)]) == 0
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == sorted([*metal_cpp.NEEDED, "LICENSE.txt"])

    def twice(folder: Path) -> Path:
        raise AssertionError("downloaded again")

    monkeypatch.setattr(metal_cpp, "download", twice)
    assert metal_cpp.main([str(folder)]) == 0


def test_from_an_installed_package(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")

    class Installed:
        def locate_file(self, path: object) -> Path:
            return tmp_path / "site" / str(path)

    monkeypatch.setattr(metal_cpp.importlib.metadata, "distribution", lambda name: Installed())
    assert metal_cpp.main([str(tmp_path / "out")]) == 0
    assert metal_cpp.complete(tmp_path / "out")


def test_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metal_cpp.importlib.metadata, "distribution", not_installed)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    assert metal_cpp.main([str(tmp_path / "out")]) == 1
    said = capfd.readouterr().err
    assert said.startswith("[metal-cpp] mlx-metal")
    assert "could not be downloaded" in said
    assert "Try: with a network connection, or unpack" in said


def test_a_wheel_without_headers(tmp_path: Path) -> None:
    path = tmp_path / "mlx_metal-0-py3-none-macosx_14_0_arm64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mlx/lib/libmlx.dylib", "")
    with pytest.raises(metal_cpp.Missing, match="holds no metal-cpp"):
        metal_cpp.from_wheel(path, tmp_path / "out")


def test_called_wrongly() -> None:
    assert metal_cpp.main([]) == 2
