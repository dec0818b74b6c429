"""Matrices that are not a whole number of tiles, in long tiles and in short ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import _core
from gptoss_metal.convert import shape, write_random_model

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


def logits(path: Path, precision: str, threads: int) -> npt.NDArray[np.float32]:
    """Of all tokens in one pass, and of several sequences of one to five in another."""
    model = _core.Model(str(path), precision=precision, threads=threads)
    whole = _core.Session(model).all_logits(TOKENS)
    sessions = [_core.Session(model) for _ in range(5)]
    _core.advance([(s, TOKENS[: n + 1]) for n, s in enumerate(sessions)])
    return np.concatenate([whole, [session.logits() for session in sessions]])
