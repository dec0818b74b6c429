"""`--backend metal` and `backend="metal"`: chosen, shown, and never the default off a Mac."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptoss_metal import Error, Model, _core
from tests.chat.models import write_small
from tests.cli.program import answer, answer_json

GREEDY = ["--tokens", "1,2,3", "--temperature", "0", "--max-tokens", "5"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small") / "small.safetensors")


def test_software_metal_is_no_default(path: Path) -> None:
    assert _core.backends() == ("cpu", "metal")
    assert _core.default_backend() == "cpu"
    assert Model.load(path).info.backend == "cpu"
    found = answer_json("inspect", path, "--json")
    assert (found["backend"], found["device"]) == ("cpu", "")


def test_info_names_the_device(path: Path) -> None:
    info = Model.load(path, backend="metal").info
    assert info.backend == "metal"
    assert info.device == _core.metal_device()["name"] == "Software Metal"


def test_an_unknown_backend(path: Path) -> None:
    with pytest.raises(Error, match=r"'cuda'.*Try: "):
        _core.Model(str(path), backend="cuda")


def test_generate(path: Path) -> None:
    exact = [*GREEDY, "--precision", "exact", "--backend"]
    assert answer("generate", path, *exact, "metal") == answer("generate", path, *exact, "cpu")


def test_bench(path: Path) -> None:
    options = ["--prompt-tokens", "20", "--gen-tokens", "3", "--backend", "metal", "--json"]
    found = answer_json("bench", path, *options)
    assert (found["backend"], found["device"]) == ("metal", "Software Metal")
    assert found["decode_tps"] > 0
    assert found["prefill_tps"] > 0
