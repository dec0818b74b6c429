"""Prefixes on the GPU: shared pages, copies, serialised parts, and whatever fails on the way."""

from __future__ import annotations

import gc
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Cancelled, Error, _core
from tests.logits.cases import Case

CHUNK = 64
WINDOW = 16
PAGE = 256
SPLITS = [1, WINDOW - 1, WINDOW, WINDOW + 1, PAGE - 1, PAGE, PAGE + 1, 280]
BIG = {"max_buffer_length": 9 << 30, "working_set": 12 << 30, "macos": 15}

Logits = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def path(small: Case) -> Path:
    return small.file("q8")


@pytest.fixture(scope="module", params=["default", "exact"])
def model(request: pytest.FixtureRequest, path: Path) -> _core.Model:
    return _core.Model(str(path), precision=request.param, backend="metal")


@pytest.fixture(scope="module")
def tokens(small: Case) -> list[int]:
    return [int(token) for token in small.tokens]


@pytest.fixture
def device(softmetal: ModuleType) -> Iterator[ModuleType]:
    """To be made small or old, and as it was afterwards."""
    gc.collect()
    yield softmetal
    gc.collect()
    softmetal.set_device(**BIG)


def session(model: _core.Model) -> _core.Session:
    return _core.Session(model, context=600, chunk=CHUNK)


def computed(model: _core.Model, tokens: list[int]) -> _core.Session:
    new = session(model)
    new.sync(tokens)
    return new


def follow(subject: _core.Session, tokens: list[int]) -> Logits:
    """Logits after a chunk of all but two tokens, and after each of these."""
    rows = []
    for part in (tokens[:-2], tokens[-2:-1], tokens[-1:]):
        _core.advance([(subject, part)])
        rows.append(subject.logits().copy())
    return np.stack(rows)


def serialised(prefix: _core.Prefix) -> tuple[list[bytes], bytes]:
    return [prefix.page(i) for i in range(prefix.page_count())], prefix.window()


def live(softmetal: ModuleType) -> dict[str, int]:
    gc.collect()
    found: dict[str, int] = softmetal.live_objects()
    return found


@pytest.mark.parametrize("split", SPLITS)
def test_restored_and_loaded_are_continued(
    model: _core.Model, tokens: list[int], split: int
) -> None:
    """Bit for bit, also in a session that held something else, and from serialised parts."""
    original = computed(model, tokens[:split])
    prefix = original.checkpoint()
    pages, window = serialised(prefix)
    loaded = _core.Prefix.load(model, tokens[:split], pages, window)
    assert serialised(loaded) == (pages, window)
    rest = (tokens * 2)[split : split + 14]
    expected = follow(original, rest)
    used = computed(model, tokens[::-1])
    for source in (prefix, loaded):
        for subject in (session(model), used):
            subject.restore(source)
            np.testing.assert_array_equal(follow(subject, rest), expected)
    assert serialised(prefix) == (pages, window)


@pytest.mark.parametrize("split", [PAGE - 3, PAGE, PAGE + 24])
def test_branches_do_not_disturb_each_other(
    model: _core.Model, tokens: list[int], split: int
) -> None:
    original = computed(model, tokens[:split])
    prefix = original.checkpoint()
    parts = serialised(prefix)
    branch = session(model)
    branch.restore(prefix)
    other = [(token + 1) % 512 for token in tokens]
    expected = [follow(computed(model, tokens[:split]), rest[:14]) for rest in (tokens, other)]
    rows: list[list[Logits]] = [[], []]
    for part in (slice(0, 12), slice(12, 13), slice(13, 14)):
        _core.advance([(original, tokens[part]), (branch, other[part])])
        rows[0].append(original.logits().copy())
        rows[1].append(branch.logits().copy())
    np.testing.assert_array_equal(rows[0], expected[0])
    np.testing.assert_array_equal(rows[1], expected[1])
    assert serialised(prefix) == parts


@pytest.mark.parametrize("cut", [1, PAGE - 1, PAGE, PAGE + 20])
def test_a_session_that_is_cut_back_spares_the_prefix(
    model: _core.Model, tokens: list[int], cut: int
) -> None:
    original = computed(model, tokens[:280])
    prefix = original.checkpoint()
    parts = serialised(prefix)
    restored = session(model)
    restored.restore(prefix)
    for subject in (original, restored):
        subject.rewind(cut)
        subject.sync([*tokens[:cut], *tokens[:30]])
        assert serialised(prefix) == parts


def test_restored_again_and_again(model: _core.Model, tokens: list[int]) -> None:
    """A page that the session has already stays resident."""
    short = computed(model, tokens[:200]).checkpoint()
    long = computed(model, tokens[:290]).checkpoint()
    expected = [follow(computed(model, tokens[:n]), tokens[:14]) for n in (200, 290)]
    subject = session(model)
    for which in (1, 1, 0, 1, 0, 0, 1):
        subject.restore((short, long)[which])
        np.testing.assert_array_equal(follow(subject, tokens[:14]), expected[which])


def test_without_residency_sets(device: ModuleType, path: Path, tokens: list[int]) -> None:
    device.set_device(**{**BIG, "macos": 14})
    sets = live(device).get("MTLResidencySet", 0)  # of the model that all tests share
    model = _core.Model(str(path), backend="metal")
    prefix = computed(model, tokens[:290]).checkpoint()
    expected = follow(computed(model, tokens[:290]), tokens[:14])
    subject = session(model)
    for _ in range(2):
        subject.restore(prefix)
        np.testing.assert_array_equal(follow(subject, tokens[:14]), expected)
    assert device.live_objects().get("MTLResidencySet", 0) == sets


def test_cache_bytes(softmetal: ModuleType, path: Path, tokens: list[int]) -> None:
    """They are the session's own figure, shared pages count once, and all is given back."""
    model = _core.Model(str(path), backend="metal")
    row = 2 * 128 * 2  # of one position in one layer
    before = live(softmetal)
    subject = computed(model, tokens[:290])
    assert model.cache_bytes == model.session_bytes(290, CHUNK) == (2 * PAGE + PAGE) * row
    prefix = subject.checkpoint()
    assert prefix.bytes == WINDOW * row
    assert model.cache_bytes == 3 * PAGE * row + prefix.bytes
    second = session(model)
    second.restore(prefix)
    assert model.cache_bytes == 5 * PAGE * row + prefix.bytes
    loaded = _core.Prefix.load(model, tokens[:290], *serialised(prefix))
    assert model.cache_bytes == 7 * PAGE * row + 2 * prefix.bytes
    del subject, second, loaded
    gc.collect()
    assert model.cache_bytes == 2 * PAGE * row + prefix.bytes
    del prefix
    assert live(softmetal) == before
    assert model.cache_bytes == 0


def test_the_cpus_prefix(path: Path, tokens: list[int]) -> None:
    """Both backends have one serialised form."""
    cpu = _core.Model(str(path), precision="exact")
    gpu = _core.Model(str(path), precision="exact", backend="metal")
    original = computed(cpu, tokens[:270])
    parts = serialised(original.checkpoint())
    subject = session(gpu)
    subject.restore(_core.Prefix.load(gpu, tokens[:270], *parts))
    expected = follow(original, tokens[:14])
    assert np.abs(follow(subject, tokens[:14]) - expected).max() < 1e-3 * expected.std()


def message_of(call: Callable[[], object]) -> None:
    """The call raises an Error of one line, with a remedy."""
    with pytest.raises(Error) as raised:
        call()
    assert re.fullmatch(r"\[[a-z ]+\] .+\. Try: .+\.", str(raised.value))


def test_a_window_that_is_gone(model: _core.Model, tokens: list[int]) -> None:
    subject = computed(model, tokens[:290])
    prefix = subject.checkpoint()
    subject.restore(prefix)
    subject.rewind(288)
    message_of(subject.checkpoint)
    message_of(lambda: _core.advance([(subject, [1])]))
    subject.restore(prefix)
    assert subject.checkpoint().window() == prefix.window()


@pytest.mark.parametrize("fault", ["buffer_allocation", "residency"])
def test_a_restore_that_fails_changes_nothing(
    device: ModuleType, path: Path, tokens: list[int], fault: str
) -> None:
    """At every point, into a session that holds something; each page needs a residency set."""
    device.set_device(**{**BIG, "working_set": 5 << 20})
    model = _core.Model(str(path), backend="metal")
    prefix = computed(model, tokens[:290]).checkpoint()
    expected = follow(computed(model, tokens[:290]), tokens[:14])
    kept = follow(computed(model, tokens[:100]), tokens[:14])

    def fresh() -> _core.Session:
        return computed(model, tokens[:100])

    subject = fresh()
    device.clear_faults()
    subject.restore(prefix)
    count = int(device.passes(fault))
    assert count > 0
    for n in range(count):
        subject = fresh()
        device.set_fault(fault, n)
        message_of(lambda subject=subject: subject.restore(prefix))
        device.clear_faults()
        np.testing.assert_array_equal(subject.tokens, tokens[:100])
        subject.logits()
        np.testing.assert_array_equal(follow(subject, tokens[:14]), kept)
        subject.restore(prefix)
        np.testing.assert_array_equal(follow(subject, tokens[:14]), expected)


def test_allocations_that_fail(softmetal: ModuleType, path: Path, tokens: list[int]) -> None:
    """Loading a prefix, and writing into a page that it shares."""
    model = _core.Model(str(path), backend="metal")
    subject = computed(model, tokens[:290])
    prefix = subject.checkpoint()
    parts = serialised(prefix)
    before = model.cache_bytes
    for n in range(2):
        softmetal.set_fault("buffer_allocation", n)
        message_of(lambda: _core.Prefix.load(model, tokens[:290], *parts))
        softmetal.clear_faults()
        assert model.cache_bytes == before
    subject.rewind(289)
    softmetal.set_fault("buffer_allocation", 0)
    message_of(lambda: subject.step(tokens[289]))
    softmetal.clear_faults()
    assert subject.length == 289
    subject.step(tokens[289])
    assert model.cache_bytes == before + PAGE * 2 * 128 * 2
    assert serialised(prefix) == parts


def test_a_pass_that_fails_changes_nothing(
    softmetal: ModuleType, path: Path, tokens: list[int]
) -> None:
    """The first sequence is computed, the second fails: both are as they were."""
    model = _core.Model(str(path), backend="metal")
    pair = [computed(model, tokens[:40]), computed(model, tokens[:100])]
    before = [subject.logits().copy() for subject in pair]
    work = [(subject, tokens[:20]) for subject in pair]
    probe = computed(model, tokens[:40])
    softmetal.clear_faults()
    _core.advance([(probe, tokens[:20])])
    first = int(softmetal.passes("command_buffer_error"))
    softmetal.set_fault("command_buffer_error", first, 3)
    message_of(lambda: _core.advance(work))
    softmetal.clear_faults()
    for subject, length, logits in zip(pair, (40, 100), before, strict=True):
        assert subject.length == length
        np.testing.assert_array_equal(subject.logits(), logits)
    _core.advance(work)
    expected = computed(model, tokens[:40])
    _core.advance([(expected, tokens[:20])])
    np.testing.assert_array_equal(pair[0].logits(), expected.logits())


def test_a_cancelled_pass_changes_nothing(
    softmetal: ModuleType, path: Path, tokens: list[int]
) -> None:
    """The second sequence is cancelled while the first is computed."""
    model = _core.Model(str(path), backend="metal")
    pair = [computed(model, tokens[:40]), computed(model, tokens[:100])]
    before = [subject.logits().copy() for subject in pair]
    softmetal.reset_ledger()
    softmetal.set_slowdown(50_000)

    def cancel() -> None:
        while softmetal.ledger()["command_buffers"] < 1:
            time.sleep(0.001)
        pair[1].cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(Cancelled):
        _core.advance([(subject, tokens[:20]) for subject in pair])
    thread.join()
    softmetal.set_slowdown(0)
    for subject, length, logits in zip(pair, (40, 100), before, strict=True):
        assert subject.length == length
        np.testing.assert_array_equal(subject.logits(), logits)
