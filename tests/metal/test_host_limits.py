"""Small machines and old systems: what does not fit is refused with numbers, the rest works."""

from __future__ import annotations

import gc
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Cancelled, Error, _core
from tests.logits.cases import Case

Logits = npt.NDArray[np.float32]
BIG = {"max_buffer_length": 9 << 30, "working_set": 12 << 30, "macos": 15}


@pytest.fixture
def device(softmetal: ModuleType) -> Iterator[ModuleType]:
    """To be made small, and as large as before afterwards."""
    gc.collect()
    mode = softmetal.mode()
    yield softmetal
    softmetal.set_device(**BIG)
    softmetal.set_slowdown(0)
    softmetal.set_mode(mode)


@pytest.fixture(scope="module")
def path(small: Case) -> Path:
    return small.file("q8")


@pytest.fixture(scope="module")
def tokens(small: Case) -> list[int]:
    return [int(token) for token in small.tokens]


def logits(path: Path, tokens: list[int]) -> Logits:
    session = _core.Session(_core.Model(str(path), backend="metal"), context=600, chunk=64)
    session.sync(tokens)
    return session.logits().copy()


def used(path: Path) -> int:
    """Bytes that the weights take: all of the file but the tokenizer and the embedding."""
    tensors = _core.Model(str(path)).tensors
    return sum(
        size for name, _, _, _, size in tensors if not name.startswith(("tokenizer", "embedding"))
    )


def test_largest_buffer(device: ModuleType, path: Path, tokens: list[int]) -> None:
    """A layer that is larger than the largest buffer cannot be used."""
    expected = logits(path, tokens[:30])
    gc.collect()
    before = device.live_objects()
    device.set_device(**{**BIG, "max_buffer_length": 16384})
    with pytest.raises(
        Error, match=r"needs a buffer of .* GB, and this GPU allows at most .*Try: "
    ):
        _core.Model(str(path), backend="metal")
    gc.collect()
    assert device.live_objects() == before
    device.set_device(**BIG)
    assert np.array_equal(logits(path, tokens[:30]), expected)


def test_working_set_too_small_for_the_weights(device: ModuleType, path: Path) -> None:
    gc.collect()
    before = device.live_objects()
    device.set_device(**{**BIG, "working_set": used(path) // 2})
    device.clear_faults()
    with pytest.raises(Error, match=r"the model needs .*sysctl iogpu.wired_limit_mb=\d+"):
        _core.Model(str(path), backend="metal")
    assert device.passes("buffer_allocation") == 0  # refused before anything was allocated
    gc.collect()
    assert device.live_objects() == before


def test_working_set_too_small_for_a_long_sequence(
    device: ModuleType, path: Path, tokens: list[int]
) -> None:
    """The short one still works afterwards, in the same session, and gives the same."""
    expected = logits(path, tokens[:30])
    model = _core.Model(str(path), backend="metal")
    session = _core.Session(model, context=600, chunk=64)
    session.sync(tokens[:30])
    # Another page of the cache is the first thing that a longer sequence needs.
    room = used(path) + session.bytes + (64 << 10)
    del session, model
    device.set_device(**{**BIG, "working_set": room})
    model = _core.Model(str(path), backend="metal")
    session = _core.Session(model, context=600, chunk=64)
    session.sync(tokens[:30])
    assert np.array_equal(session.logits(), expected)
    with pytest.raises(Error, match=r"GB beside the .* GB in use.*shorter context"):
        session.sync(tokens[:30] + tokens)
    session.rewind(0)
    session.sync(tokens[:30])
    assert np.array_equal(session.logits(), expected)


@pytest.mark.parametrize("mode", ["fast", "checked"])
def test_macos_14_has_no_residency_sets(
    device: ModuleType, path: Path, tokens: list[int], mode: str
) -> None:
    """There, encoders are told of the cache's pages: checked mode finds nothing missing."""
    expected = logits(path, tokens[:30])
    device.set_mode(mode)
    device.set_device(**{**BIG, "macos": 14})
    assert _core.metal_device()["residency_sets"] is False
    model = _core.Model(str(path), backend="metal")
    session = _core.Session(model, context=600, chunk=64)
    assert "MTLResidencySet" not in device.live_objects()
    session.sync(tokens[:30])
    found = session.logits().copy()
    del session, model
    assert np.array_equal(found, expected)


def test_device_facts(device: ModuleType) -> None:
    device.set_device(**{**BIG, "working_set": 5 << 30})
    facts = _core.metal_device()
    assert facts["working_set"] == 5 << 30
    assert facts["max_buffer_length"] == BIG["max_buffer_length"]
    assert facts["residency_sets"] is True
    assert facts["name"]


def test_cancelling(device: ModuleType, path: Path, tokens: list[int]) -> None:
    """It stops between command buffers; whole chunks stay, and the same request then succeeds."""
    expected = logits(path, tokens)
    session = _core.Session(_core.Model(str(path), backend="metal"), context=600, chunk=64)
    device.reset_ledger()
    device.set_slowdown(50_000)

    def cancel() -> None:
        while device.ledger()["command_buffers"] < 3:
            time.sleep(0.001)
        session.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(Cancelled):
        session.sync(tokens)
    thread.join()
    device.set_slowdown(0)
    assert session.length % 64 == 0
    assert session.length < len(tokens)
    session.sync(tokens)
    assert np.array_equal(session.logits(), expected)


def test_a_tight_machine_has_few_residency_sets(
    device: ModuleType, path: Path, tokens: list[int]
) -> None:
    """Sets hold at most a twentieth of the working set each, but a queue takes only 32."""
    long = (tokens * 2)[:550]
    model = _core.Model(str(path), backend="metal")
    session = _core.Session(model, context=600, chunk=64)
    session.sync(long)
    expected = session.logits().copy()
    room = used(path) + session.bytes + (64 << 10)
    del session, model
    device.set_device(**{**BIG, "working_set": room})
    model = _core.Model(str(path), backend="metal")
    assert model.device == _core.metal_device()["name"]
    session = _core.Session(model, context=600, chunk=64)
    session.sync(long)
    assert 9 <= device.live_objects()["MTLResidencySet"] <= 32
    assert np.array_equal(session.logits(), expected)


def test_unknown_backend(path: Path) -> None:
    with pytest.raises(Error, match=r"no backend 'vulkan'\. Try: cpu or metal"):
        _core.Model(str(path), backend="vulkan")


def test_memory_follows_use(path: Path, tokens: list[int], softmetal: ModuleType) -> None:
    """Decoding does not pay for prefill; pages come with tokens and go with rewinding."""
    model = _core.Model(str(path), backend="metal")
    decoding = _core.Session(model, context=600, chunk=64)
    for token in tokens[:3]:
        decoding.step(token)
    prefilled = _core.Session(model, context=600, chunk=64)
    prefilled.sync(tokens[:3])
    assert decoding.bytes == prefilled.bytes
    prefilled.sync(tokens[:70])
    assert prefilled.bytes > decoding.bytes
    long = (tokens * 3)[:600]
    prefilled.sync(long)
    most = prefilled.bytes
    pages = softmetal.live_objects()["MTLBuffer"]
    prefilled.rewind(10)
    assert prefilled.bytes < most
    assert softmetal.live_objects()["MTLBuffer"] == pages - 2
    prefilled.sync(long)
    assert prefilled.bytes == most


def test_numbers_of_the_remedy(device: ModuleType, path: Path) -> None:
    """The limit to set holds what is needed."""
    need = used(path)
    device.set_device(**{**BIG, "working_set": need // 3})
    with pytest.raises(Error) as raised:
        _core.Model(str(path), backend="metal")
    limit = re.search(r"iogpu\.wired_limit_mb=(\d+)", str(raised.value))
    assert limit is not None
    assert int(limit[1]) << 20 >= need


def test_the_remedy_never_lowers_the_limit(device: ModuleType, path: Path) -> None:
    """When memory is refused below the limit, the limit to set is above the one there is."""
    device.set_fault("buffer_allocation", 0)
    with pytest.raises(Error, match="gave no memory") as raised:
        _core.Model(str(path), backend="metal")
    limit = re.search(r"iogpu\.wired_limit_mb=(\d+)", str(raised.value))
    assert limit is not None
    assert int(limit[1]) << 20 > BIG["working_set"]


@pytest.mark.parametrize("macos", [14, 15])
def test_kernels_are_compiled_for_exact_arithmetic(
    device: ModuleType, path: Path, macos: int
) -> None:
    """On macOS 15 safe math leaves functions fast unless they are asked to be precise as well."""
    device.set_device(**{**BIG, "macos": macos})
    device.reset_ledger()
    _core.Model(str(path), backend="metal")
    assert device.ledger()["libraries"] == ["MSL 3.1, math safe, functions precise"]
