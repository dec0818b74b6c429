"""Who takes part: each program's weights, version and command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import gptoss_metal
from gptoss_metal.convert import write_random_model

from .build import LLAMA_COMMIT, LLAMA_PACKAGE, LLAMA_VERSION, Llama, environment, say
from .gguf_file import write_gguf
from .rounds import Contender
from .shapes import SHAPES

OURS: Final = "gptoss-metal"
MLX_PACKAGES: Final = ["mlx[cpu]==0.32.4", "mlx-lm==0.32.2"]
TORCH_PACKAGES: Final = ["torch==2.13.0", "transformers==5.24.0"]
SCALED_TESTS: Final = ("decode", "prefill128")


def our_file(shape: str, folder: Path) -> Path:
    """Return our model file of random weights; written if it is not there.

    Raises:
        Error: the disk has no room for it.
    """
    path = folder / f"{shape}.safetensors"
    if not path.is_file():
        say(f"writing {path}")
        write_random_model(path, SHAPES[shape])
    return path


def ours(model: Path, states: Path, steps: int) -> Contender:
    """Return our own program."""
    command = (sys.executable, "-m", "benchmarks.peers.ours", str(model), f"{states}-ours-")
    return Contender(OURS, gptoss_metal.__version__, command, model, steps=steps)


def llama_cpp(tools: Llama, file: Path, states: Path, threads: int, steps: int) -> Contender:
    """Return llama.cpp over a GGUF file."""
    command = (str(tools.worker), str(file), str(threads), f"{states}-llama-")
    version = f"{LLAMA_COMMIT} ({LLAMA_PACKAGE} {LLAMA_VERSION})"
    return Contender("llama.cpp", version, command, file, steps=steps)


def gguf_of(model: Path, folder: Path) -> Path:
    """Return the same weights for llama.cpp; written if they are not there.

    Raises:
        Error: the model cannot be one of llama.cpp's.
    """
    path = folder / f"{model.stem}.gguf"
    if not path.is_file():
        say(f"writing {path}")
        write_gguf(model, path)
    return path


def mlx(model: Path, threads: int) -> Contender:
    """Return mlx-lm on the CPU; installed if it is not there.

    Raises:
        Error: it cannot be installed.
    """
    note = "scaled from 2 layers; prefill from a prompt of 8 tokens"
    return _scaled("mlx-lm", MLX_PACKAGES, model, threads, 2, note)


def transformers(model: Path, threads: int) -> Contender:
    """Return Transformers in bfloat16; installed if it is not there.

    Raises:
        Error: it cannot be installed.
    """
    note = "scaled from 2 layers; made-up bfloat16 weights, 3 times the bytes counted here"
    return _scaled("transformers", TORCH_PACKAGES, model, threads, 8, note)


def _scaled(
    name: str, packages: list[str], model: Path, threads: int, steps: int, note: str
) -> Contender:
    """A program in an environment of its own that runs two layers (scaled.py)."""
    short = name.removesuffix("-lm")
    worker = f"benchmarks.peers.{short}_worker"
    command = (str(environment(short, packages)), "-m", worker, str(model), str(threads))
    version = " ".join(packages)
    return Contender(
        name, version, command, None, tests=SCALED_TESTS, steps=steps, rounds=1, note=note
    )
