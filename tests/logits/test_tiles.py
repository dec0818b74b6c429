"""Matrices that are not a whole number of tiles, in long tiles and in short ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import _core
from gptoss_metal.convert import shape, write_random_model
from tests.kernels.programs import PORTABLE, plant
from tests.native import core_sources

LONG = 96
"""kTileRows (csrc/cpu/machine.h)."""
SHAPE = shape(
    num_hidden_layers=2, num_local_experts=4, num_experts_per_tok=2,
    hidden_size=832, intermediate_size=896, vocab_size=1000,
)  # fmt: skip
TOKENS = np.random.default_rng(4).integers(0, 1000, 40)


@pytest.fixture(scope="module", params=["q8", "bf16"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp(f"tiles-{request.param}")
    return write_random_model(directory / "model.safetensors", SHAPE, dense=request.param)


@pytest.mark.parametrize("precision", ["default", "exact"])
def test_results_do_not_depend_on_the_length_of_tiles(path: Path, precision: str) -> None:
    """One thread takes rows in long tiles where three take them in short ones."""
    for rows in (SHAPE.hidden_size, 2 * SHAPE.intermediate_size, SHAPE.vocab_size):
        assert 8 * LONG <= rows < 3 * 8 * LONG
        assert rows % LONG != 0
    np.testing.assert_array_equal(logits(path, precision, 1), logits(path, precision, 3))


FAULTS = {
    "the last tile is as long as the others": (
        "machine.h", "std::min(each, rows - first)", "each",
    ),
    "a tile begins where the one before it ends, but for a row": (
        "machine.h", "static_cast<int>(tile) * each;", "static_cast<int>(tile) * (each - 1);",
    ),
    "every panel holds the first rows of its tile": (
        "kernels_impl.h", "unpack(int64_t{r} * w.cols,", "unpack(0,",
    ),
}  # fmt: skip
"""A header, what it says and what it says instead."""


@pytest.mark.long
@pytest.mark.parametrize("fault", ["none", *FAULTS])
def test_planted_fault_is_noticed(fault: str, path: Path, tmp_path: Path) -> None:
    """The program, for no instruction set in particular, has the package's logits without one."""
    options = [] if fault == "none" else [plant(tmp_path, *FAULTS[fault])]
    sources = [*core_sources("kernels_"), Path(__file__).parent / "tiles.cpp"]
    program = PORTABLE.compile(tmp_path, sources, options)
    model = _core.Model(str(path), precision="exact", isa="portable")
    session = _core.Session(model)
    session.sync(TOKENS)
    found = []
    for threads in ("1", "3"):
        command = [program, path, threads, *map(str, TOKENS)]
        run = subprocess.run(command, capture_output=True, check=False)
        found.append(run.stdout)
    same = found == [session.logits().tobytes()] * 2
    assert same == (fault == "none")


def logits(path: Path, precision: str, threads: int) -> npt.NDArray[np.float32]:
    """Of all tokens in one pass, and of several sequences of one to five in another."""
    model = _core.Model(str(path), precision=precision, threads=threads)
    whole = _core.Session(model).all_logits(TOKENS)
    sessions = [_core.Session(model) for _ in range(5)]
    _core.advance([(s, TOKENS[: n + 1]) for n, s in enumerate(sessions)])
    return np.concatenate([whole, [session.logits() for session in sessions]])
