"""The steps of forward passes: few, and each barrier and fence among them needed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gptoss_metal import _core
from gptoss_metal.convert import shape, write_random_model
from tests.logits.cases import Case

LAYERS = 2
DECODE = ["qkv", "attention_decode", "out", "router", "gate_up", "down"]
PREFILL = ["norm_rows", "rope", "attention_prefill", "expert_sort", "grouped_gate_up",
           "grouped_down", "mix"]  # fmt: skip


@pytest.fixture(scope="module")
def path(small: Case) -> Path:
    return small.file("q8")


@pytest.fixture(scope="module")
def deeper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three layers: a decode step takes more than one command buffer."""
    small = shape(num_hidden_layers=3, hidden_size=64, intermediate_size=64, vocab_size=512)
    return write_random_model(tmp_path_factory.mktemp("deeper") / "model.safetensors", small, "q8")


@pytest.fixture(scope="module")
def tokens(small: Case) -> list[int]:
    return [int(token) for token in small.tokens]


@pytest.fixture
def session(path: Path) -> _core.Session:
    return _core.Session(_core.Model(str(path), backend="metal"), context=4096, chunk=64)


def dispatches(softmetal: ModuleType) -> dict[str, int]:
    kernels = softmetal.ledger()["kernels"]
    return {name: entry["dispatches"] for name, entry in kernels.items() if entry["dispatches"]}


def test_decode_takes_six_dispatches_per_layer(
    session: _core.Session, tokens: list[int], softmetal: ModuleType
) -> None:
    session.sync(tokens[:20])
    softmetal.reset_ledger()
    session.step(tokens[20])
    counts = {**dict.fromkeys(DECODE, LAYERS), "embed": 1, "unembed": 1}
    assert dispatches(softmetal) == counts
    ledger = softmetal.ledger()
    # Each step depends on the one before it; between the encoders stands a fence.
    assert ledger["encoder_barriers"] == 6 * LAYERS + 1 - (ledger["command_buffers"] - 1)


def test_long_attention_is_split_and_merged(
    session: _core.Session, tokens: list[int], softmetal: ModuleType
) -> None:
    """From 1024 positions on, a full layer's attention is computed in parts: seven dispatches."""
    session.sync((tokens * 4)[:1023])
    softmetal.reset_ledger()
    session.step(tokens[0])
    found = dispatches(softmetal)
    assert found["attention_merge"] == 1  # of the one full layer
    assert found["attention_decode"] == LAYERS


def test_prefill_leaves_out_what_nobody_needs(
    session: _core.Session, tokens: list[int], softmetal: ModuleType
) -> None:
    """The last layer computes keys and values for all, the rest for the last token alone."""
    softmetal.reset_ledger()
    session.sync(tokens[:60])
    found = dispatches(softmetal)
    assert found["rope"] == LAYERS
    assert found["attention_prefill"] == found["mix"] == LAYERS - 1
    assert found["attention_decode"] == found["down"] == 1
    softmetal.reset_ledger()
    session.sync(tokens[:200])
    found = dispatches(softmetal)  # chunks of 64, 64 and 12 tokens; the last has logits
    assert found["rope"] == 3 * LAYERS
    assert found["attention_decode"] == found["unembed"] == 1


KINDS = ("decode", "split", "prefill", "slices")
"""Forward passes; `split` is a decode step behind a context so long that attention is split."""


@pytest.mark.parametrize(
    ("fault", "finding", "kind"),
    [
        *(("ignore_barrier", "missing-barrier", kind) for kind in KINDS),
        *(("ignore_fence_wait", "missing-fence", kind) for kind in KINDS if kind != "split"),
    ],
)
def test_each_one_is_needed(
    path: Path,
    deeper: Path,
    tokens: list[int],
    checked: ModuleType,
    fault: str,
    finding: str,
    kind: str,
) -> None:
    """Without any one of them, checked mode sees what could go wrong; with all, nothing."""
    model = _core.Model(str(deeper if kind == "decode" else path), backend="metal")
    session = _core.Session(model, context=1100, chunk=64)
    prompt = (tokens * 4)[:1030] if kind == "split" else tokens[:10]

    def compute() -> None:
        if kind == "slices":
            session.all_logits(prompt)
        elif kind == "prefill":
            session.rewind(0)
            session.sync(prompt)
        else:
            session.rewind(len(prompt))
            session.step(tokens[10])

    session.sync(prompt)
    checked.clear_faults()
    compute()
    count = checked.passes(fault)
    assert checked.take_findings() == []
    assert count >= 1
    for n in range(count):
        checked.set_fault(fault, n)
        compute()
        found = {each["kind"] for each in checked.take_findings()}
        assert finding in found, (fault, n)
        checked.clear_faults()


def test_logits_do_not_depend_on_slices(path: Path, tokens: list[int]) -> None:
    """A chunk of more than 64 positions with logits for each: the slices join without a seam."""
    model = _core.Model(str(path), precision="exact", backend="metal")
    whole = _core.Session(model, context=600, chunk=200).all_logits(tokens[:200])
    parts = _core.Session(model, context=600, chunk=40).all_logits(tokens[:200])
    assert np.abs(whole - parts).max() <= 1e-4 * np.abs(whole).max()


def test_chunks_beyond_the_scratch_are_computed_in_parts(
    small: Case, tokens: list[int], softmetal: ModuleType
) -> None:
    """A session's chunk may be larger than what is computed at once."""
    long = (tokens * 8)[:2100]
    model = _core.Model(str(small.file("bf16")), precision="exact", backend="metal")
    softmetal.reset_ledger()
    session = _core.Session(model, context=4096, chunk=4096)
    session.sync(long)
    assert dispatches(softmetal)["embed"] == 2
    smaller = _core.Session(model, context=4096, chunk=512)
    smaller.sync(long)
    difference = np.abs(session.logits() - smaller.logits()).max()
    assert difference <= 1e-4 * np.abs(smaller.logits()).max()
