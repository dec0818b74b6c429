"""Every set of CPU kernels gives the reference's logits, decoding and prefilling.

The kernels are written once over a vector type; what differs per set is that type. A model with
odd shapes runs all of them: MXFP4, q8, bf16, norm, attention over rings and pages, swiglu.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Error, _core
from gptoss_metal.convert import convert
from tests.native import EXAMPLE, INCLUDES, core_sources
from tests.reference import model as reference
from tests.reference.checkpoints import write_checkpoint

from .programs import CACHE, EMULATED_ARM, EMULATED_CPUS, EVERY_SET, LINUX_ARM, ZIG

LENGTH = 90
TOKENS = np.random.default_rng(11).integers(2, 301, LENGTH).astype(np.int32)


@pytest.fixture(scope="module", params=["q8", "bf16"])
def model_file(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vocabulary: Path
) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    checkpoint = write_checkpoint(
        folder / "checkpoint", layers=2, experts=5, top_k=2, hidden=192, intermediate=64, heads=16,
        kv_heads=2, window=24, vocab=301, seed=8,
    )  # fmt: skip
    return convert(checkpoint, folder / "model.safetensors", request.param, vocabulary)


@pytest.fixture(scope="module")
def truth(model_file: Path) -> npt.NDArray[np.float64]:
    return reference.logits(model_file, TOKENS.tolist())


def worst(got: npt.ArrayLike, want: npt.NDArray[np.float64]) -> float:
    """The largest difference, in standard deviations of the logits."""
    return float(np.abs(np.asarray(got) - want).max() / want.std())


@pytest.mark.parametrize("isa", EVERY_SET)
def test_set_agrees_with_the_reference(
    isa: str, model_file: Path, truth: npt.NDArray[np.float64]
) -> None:
    try:
        model = _core.Model(str(model_file), precision="exact", isa=isa)
    except Error as unsupported:
        pytest.skip(str(unsupported))
    assert worst(_core.Session(model).all_logits(TOKENS), truth) < 1e-4


@pytest.mark.parametrize("isa", EVERY_SET)
def test_decoding_agrees_with_the_reference(
    isa: str, model_file: Path, truth: npt.NDArray[np.float64]
) -> None:
    """With default settings one token at a time takes the matrix-vector kernels."""
    try:
        model = _core.Model(str(model_file), isa=isa)
    except Error as unsupported:
        pytest.skip(str(unsupported))
    session = _core.Session(model)
    rows = []
    for token in TOKENS.tolist():
        session.step(token)
        rows.append(session.logits().copy())
    # float16 keys and values: looser in the largest difference, close in the middle.
    difference = np.abs(np.array(rows) - truth) / truth.std()
    assert np.median(difference) < 2e-3
    assert worst(rows[0], truth[0]) < 1e-2


@pytest.fixture(scope="module")
def arm_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core and the C example, cross-compiled for AArch64."""
    folder = tmp_path_factory.mktemp("aarch64")
    example = folder / "next_token.o"
    command = [*ZIG, "cc", *LINUX_ARM, "-O2", *INCLUDES, "-c", EXAMPLE, "-o", example]
    subprocess.run(command, check=True, env=os.environ | CACHE)
    return EMULATED_ARM.compile(folder, [*core_sources("kernels_"), example])


@pytest.mark.long
@pytest.mark.parametrize(("isa", "cpu"), EMULATED_CPUS.items())
def test_emulated_arm_agrees_with_the_reference(
    isa: str, cpu: str, emulator: str, arm_program: Path, model_file: Path,
    truth: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """The C example gives the reference's last logits, with the best set that the CPU has."""
    tokens = [str(token) for token in TOKENS]

    def run(*options: str) -> str:
        arguments = [emulator, "-cpu", cpu, arm_program, *options, model_file, *tokens]
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout

    assert f"({isa})" in run()
    logits = np.array(run("--all").split(), dtype=np.float32)
    assert np.median(np.abs(logits - truth[-1]) / truth.std()) < 2e-3
    assert int(logits.argmax()) == int(truth[-1].argmax())
