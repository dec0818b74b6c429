"""The core under the compiler's sanitizers: sound files, damaged ones, and several threads."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from gptoss_metal.convert import shape, write_random_model
from tests.native import EXAMPLE, INCLUDES, core_sources

TOKENS = [str(i * 7 % 128) for i in range(90)]
SMALL = shape(num_hidden_layers=2, hidden_size=64, intermediate_size=64, vocab_size=128)
FLAGS = {
    "memory": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "threads": ["-fsanitize=thread"],
}


@pytest.fixture(scope="module", params=FLAGS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    example = folder / "next_token.o"
    result = folder / "next_token"
    sources = core_sources("neon", "avx")
    for command in (
        ["cc", "-g", "-O1", *INCLUDES, "-c", EXAMPLE, "-o", example],
        ["c++", "-g", "-O1", "-std=c++20", *FLAGS[request.param], *INCLUDES, *sources, example,
         "-lpthread", "-o", result],
    ):  # fmt: skip
        subprocess.run(command, check=True)
    return result


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("sound") / "model.safetensors", SMALL, "q8")


@pytest.mark.long
def test_sound_file(program: Path, sound: Path) -> None:
    run = subprocess.run([program, sound, *TOKENS], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""


@pytest.mark.long
def test_damaged_headers_are_refused_or_harmless(
    program: Path, sound: Path, tmp_path: Path
) -> None:
    """Random bytes of the header change; the program answers or refuses, and never misbehaves."""
    content = sound.read_bytes()
    length = content[: 8 + int.from_bytes(content[:8], "little")].rstrip(b" ").__len__()
    damaged = tmp_path / "model.safetensors"
    rng = random.Random(5)
    refused = 0
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed[rng.randrange(length)] = rng.choice(b'0123456789{}[]",:.-eE \\u\x00\xff')
        damaged.write_bytes(changed)
        run = subprocess.run([program, damaged, *TOKENS[:3]], capture_output=True, check=False)
        assert run.returncode in (0, 2), run.stderr.decode(errors="replace")
        refused += run.returncode == 2
    assert refused > 50
