"""Shared prefixes under the compiler's sanitizers, and faults that they must catch there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gptoss_metal.convert import shape, write_random_model
from tests.native import INCLUDES, core_sources

PROGRAM = Path(__file__).parent / "prefixes.cpp"
SMALL = shape(num_hidden_layers=2, hidden_size=64, intermediate_size=64, vocab_size=128)
FLAGS = {
    "memory": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "threads": ["-fsanitize=thread"],
}
Build = Callable[[dict[str, tuple[str, str]]], Path]

pytestmark = pytest.mark.long


def _build(folder: Path, flags: list[str]) -> Build:
    """Compiles the core once; each call links the program, with some files changed."""
    compiler = ["c++", "-g", "-O1", "-std=c++20", "-ffp-contract=off", *flags, *INCLUDES]
    objects: dict[str, Path] = {}
    for source in [*core_sources("neon", "avx"), PROGRAM]:
        objects[source.name] = folder / f"{source.parent.name}_{source.stem}.o"
        subprocess.run([*compiler, "-c", source, "-o", objects[source.name]], check=True)

    def link(changes: dict[str, tuple[str, str]]) -> Path:
        used = dict(objects)
        for name, (old, new) in changes.items():
            (source,) = (path for path in core_sources() if path.name == name)
            text = source.read_text()
            assert text.count(old) == 1, old
            changed = folder / f"changed_{name}"
            changed.write_text(text.replace(old, new))
            used[name] = changed.with_suffix(".o")
            subprocess.run([*compiler, "-c", changed, "-o", used[name]], check=True)
        result = folder / "prefixes"
        subprocess.run([*compiler, *used.values(), "-lpthread", "-o", result], check=True)
        return result

    return link


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("small") / "model.safetensors", SMALL, "q8")


@pytest.fixture(scope="module")
def threads(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return _build(tmp_path_factory.mktemp("threads"), FLAGS["threads"])


def run(program: Path, model_file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, model_file], capture_output=True, text=True, check=False)


def test_memory(model_file: Path, tmp_path: Path) -> None:
    found = run(_build(tmp_path, FLAGS["memory"])({}), model_file)
    assert (found.returncode, found.stdout, found.stderr) == (0, "same\n", "")


def test_threads(threads: Build, model_file: Path) -> None:
    found = run(threads({}), model_file)
    assert (found.returncode, found.stdout, found.stderr) == (0, "same\n", "")


def test_copying_what_another_thread_writes_is_noticed(threads: Build, model_file: Path) -> None:
    fault = {"kv_store.cpp": ("if (part == kBlock) {", "if (part > 0) {")}
    assert "data race" in run(threads(fault), model_file).stderr


def test_writing_into_a_published_page_is_noticed(threads: Build, model_file: Path) -> None:
    fault = {"kv_cache.cpp": ("if (page->published() > kept)", "if (page->published() > 9999)")}
    found = run(threads(fault), model_file)
    assert found.returncode != 0


def test_sharing_a_partial_page_is_noticed(threads: Build, model_file: Path) -> None:
    fault = {"kv_cache.cpp": ("if (rest > 0 && !pages.empty())", "if (rest < 0)")}
    found = run(threads(fault), model_file)
    assert found.returncode != 0
