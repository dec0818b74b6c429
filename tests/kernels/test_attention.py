"""Attention of every set of CPU kernels, where blocks, windows and parts of 1024 positions end.

The default path is held to bits: whoever computes a token, on how many threads, with which others,
its logits are the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Error, _core
from gptoss_metal.convert import convert
from tests.reference import model as reference
from tests.reference.checkpoints import write_checkpoint

WINDOW = 128
LENGTHS = [1, 2, 63, 64, 65, 127, 128, 129, 130, 191, 192, 193, 1023, 1024, 1025, 1152, 2049]
"""Also a window over the border of two parts, and three parts."""
TOKENS = np.random.default_rng(5).integers(2, 301, LENGTHS[-1]).astype(np.int32)
ISAS = ["avx512vnni", "avx512", "avx2", "neon", "portable"]
EXACT = 1e-5
"""Largest difference, in standard deviations of the logits."""

Logits = npt.NDArray[np.float32]


class Case:
    """A model file of two layers, window and full, and its logits in float64 at LENGTHS."""

    def __init__(self, heads: int, folder: Path, vocabulary: Path) -> None:
        """`heads` query heads share 2 KV heads."""
        checkpoint = write_checkpoint(
            folder / "checkpoint", layers=2, experts=2, top_k=1, hidden=64, intermediate=64,
            heads=heads, kv_heads=2, window=WINDOW, vocab=301, seed=3,
        )  # fmt: skip
        self.path = convert(checkpoint, folder / "model.safetensors", "q8", vocabulary)
        self.truth = reference.logits(
            self.path, TOKENS.tolist(), positions=[n - 1 for n in LENGTHS]
        )

    def differences(self, found: Logits) -> npt.NDArray[np.float64]:
        """Of each row the largest difference, in standard deviations of all logits."""
        assert found.shape == self.truth.shape
        return np.asarray(np.abs(found - self.truth).max(axis=1) / self.truth.std())


@pytest.fixture(scope="module", params=[16, 6], ids=["8 per group", "3 per group"])
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vocabulary: Path
) -> Case:
    return Case(request.param, tmp_path_factory.mktemp("attention"), vocabulary)


def load(case: Case, isa: str, precision: str, threads: int = 2) -> _core.Model:
    try:
        return _core.Model(str(case.path), precision=precision, threads=threads, isa=isa)
    except Error as unsupported:
        pytest.skip(str(unsupported))


def prefilled(model: _core.Model, chunk: int) -> Logits:
    found = _core.Session(model, chunk=chunk).all_logits(TOKENS)
    return np.asarray(found[np.array(LENGTHS) - 1])


def decoded(model: _core.Model) -> Logits:
    """Each of LENGTHS reached with one step."""
    session = _core.Session(model, chunk=256)
    rows = []
    for length in LENGTHS:
        if length > 1:
            session.sync(TOKENS[: length - 1])
        session.step(int(TOKENS[length - 1]))
        rows.append(session.logits().copy())
    return np.array(rows)


@pytest.mark.parametrize("isa", ISAS)
def test_exact_attention_agrees_with_the_reference(isa: str, case: Case) -> None:
    model = load(case, isa, "exact")
    assert case.differences(prefilled(model, 512)).max() <= EXACT
    assert case.differences(decoded(model)).max() <= EXACT


@pytest.mark.parametrize("isa", ISAS)
def test_float16_attention_agrees_with_the_reference(isa: str, case: Case) -> None:
    """A key left out or counted twice changes 2049 logits more than rounding does."""
    found = case.differences(decoded(load(case, isa, "default")))
    assert np.median(found) < 5e-3
    assert found.max() < 5e-2


@pytest.mark.parametrize("precision", ["default", "exact"])
@pytest.mark.parametrize("isa", ISAS)
def test_bits_depend_on_the_sequence_only(isa: str, precision: str, case: Case) -> None:
    """Work is divided differently with every count of threads, chunk and batch."""
    expected = prefilled(load(case, isa, precision, threads=1), 2048)
    np.testing.assert_array_equal(prefilled(load(case, isa, precision, 2), 500), expected)
    model = load(case, isa, precision, threads=7)
    np.testing.assert_array_equal(prefilled(model, 37), expected)
    np.testing.assert_array_equal(decoded(model), expected)
    np.testing.assert_array_equal(batched(model), expected)


def batched(model: _core.Model) -> Logits:
    """A sequence of each of LENGTHS, the last tokens of all in one pass."""
    sessions = [_core.Session(model, chunk=128) for _ in LENGTHS]
    for session, length in zip(sessions, LENGTHS, strict=True):
        if length > 1:
            session.sync(TOKENS[: length - 1])
    _core.advance([(s, TOKENS[n - 1 : n]) for s, n in zip(sessions, LENGTHS, strict=True)])
    return np.array([session.logits().copy() for session in sessions])


@pytest.mark.parametrize("length", [n for n in LENGTHS if n > 1])
def test_one_position_less_would_be_noticed(length: int, case: Case) -> None:
    """Proof of the checks above: the oldest token that the last one's window holds is another."""
    changed = TOKENS[:length].copy()
    changed[max(0, length - WINDOW)] += 1
    found = _core.Session(_core.Model(str(case.path), precision="exact")).all_logits(changed)[-1]
    row = LENGTHS.index(length)
    assert np.abs(found - case.truth[row]).max() / case.truth.std() > 3 * EXACT
