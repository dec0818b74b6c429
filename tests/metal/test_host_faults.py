"""Whatever Metal refuses or breaks: an Error with a remedy, nothing left behind, and a new try."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Error, _core
from tests.logits.cases import Case

PROMPT = 40
CHUNK = 24
Logits = npt.NDArray[np.float32]

NUMBERS = {
    1: "selftest",  # internal
    2: "smaller chunk",  # timeout
    3: "selftest",  # page fault
    4: "starting the program again",  # access revoked
    7: "foreground",  # not permitted
    8: "iogpu.wired_limit_mb",  # out of memory
    9: "selftest",  # invalid resource
    10: "selftest",  # memoryless
    11: "starting the program again",  # device removed
    12: "selftest",  # stack overflow
}
"""Each code of MTLCommandBufferError, and a word of its remedy."""


@pytest.fixture(scope="module")
def path(small: Case) -> Path:
    return small.file("q8")


@pytest.fixture(scope="module")
def tokens(small: Case) -> list[int]:
    return [int(token) for token in small.tokens[: PROMPT + 3]]


def live(softmetal: ModuleType) -> dict[str, int]:
    """Metal objects by class, without those of exceptions that Python has yet to forget."""
    gc.collect()
    found: dict[str, int] = softmetal.live_objects()
    return found


@pytest.fixture
def nothing_left(softmetal: ModuleType, expected: Logits) -> Iterator[None]:
    """As many Metal objects live after the test as before it."""
    assert expected.size
    before = live(softmetal)
    yield
    assert live(softmetal) == before


def new_model(path: Path) -> _core.Model:
    return _core.Model(str(path), backend="metal")


def new_session(model: _core.Model) -> _core.Session:
    return _core.Session(model, context=600, chunk=CHUNK)


def answer(session: _core.Session, tokens: list[int]) -> Logits:
    """Logits after prefill in two chunks, and after each of three decoded tokens."""
    session.rewind(0)  # what a failed attempt has left would be computed in other chunks
    session.sync(tokens[:PROMPT])
    rows = [session.logits().copy()]
    for token in tokens[PROMPT:]:
        session.step(token)
        rows.append(session.logits().copy())
    return np.stack(rows)


@pytest.fixture(scope="module")
def expected(path: Path, tokens: list[int]) -> Logits:
    return answer(new_session(new_model(path)), tokens)


def message_of(call: Callable[[], object]) -> str:
    """The message of the Error that the call must raise: one line, with a remedy."""
    with pytest.raises(Error) as raised:
        call()
    message = str(raised.value)
    assert re.fullmatch(r"\[[a-z ]+\] .+\. Try: .+\.", message), message
    return message


def passes(softmetal: ModuleType, fault: str, call: Callable[[], object]) -> int:
    """How often the call comes to where the fault would strike."""
    softmetal.clear_faults()
    call()
    return int(softmetal.passes(fault))


OPENING = [
    "no_device",
    "object_allocation",
    "buffer_allocation",
    "compile",
    "pipeline",
    "residency",
]


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("fault", OPENING)
def test_a_model_that_does_not_open(softmetal: ModuleType, path: Path, fault: str) -> None:
    """At every point where opening can fail it does, cleanly, and the next attempt succeeds."""
    count = passes(softmetal, fault, lambda: new_model(path))
    assert count > 0
    before = live(softmetal)
    for n in range(count):
        softmetal.set_fault(fault, n)
        message_of(lambda: new_model(path))
        softmetal.clear_faults()
        assert live(softmetal) == before, (fault, n)
    assert new_model(path).backend == "metal"


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("fault", ["object_allocation", "buffer_allocation", "residency"])
def test_a_session_that_does_not_open(softmetal: ModuleType, path: Path, fault: str) -> None:
    """The rings of window layers are allocated with the session."""
    model = new_model(path)
    before = live(softmetal)
    count = passes(softmetal, fault, lambda: new_session(model))
    assert count > 0
    for n in range(count):
        softmetal.set_fault(fault, n)
        message_of(lambda: new_session(model))
        softmetal.clear_faults()
        assert live(softmetal) == before, (fault, n)


COMPUTING = ["object_allocation", "buffer_allocation", "command_buffer_error", "device_lost"]


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("fault", COMPUTING)
def test_a_request_that_fails(
    softmetal: ModuleType, path: Path, tokens: list[int], expected: Logits, fault: str
) -> None:
    """Wherever it fails, the same session answers the same request right afterwards."""
    model = new_model(path)
    session = new_session(model)
    count = passes(softmetal, fault, lambda: answer(session, tokens))
    assert count >= 5
    for n in range(count):
        session = new_session(model)
        softmetal.set_fault(fault, n, 8)
        message_of(lambda session=session: answer(session, tokens))
        softmetal.clear_faults()
        assert np.array_equal(answer(session, tokens), expected), (fault, n)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("code", NUMBERS)
def test_each_error_of_a_command_buffer(
    softmetal: ModuleType, path: Path, tokens: list[int], expected: Logits, code: int
) -> None:
    """Apple's number and words are in the message, and a remedy that fits."""
    session = new_session(new_model(path))
    softmetal.set_fault("command_buffer_error", 1, code)
    message = message_of(lambda: answer(session, tokens))
    assert f"error {code}: " in message
    assert NUMBERS[code] in message.split("Try: ")[1]
    softmetal.clear_faults()
    assert np.array_equal(answer(session, tokens), expected)


@pytest.mark.usefixtures("nothing_left")
def test_decoding_goes_on_after_a_failure(
    softmetal: ModuleType, path: Path, tokens: list[int], expected: Logits
) -> None:
    """The tokens before the failed one are kept: only that one is computed again."""
    session = new_session(new_model(path))
    session.sync(tokens[:PROMPT])
    for n, token in enumerate(tokens[PROMPT:]):
        softmetal.set_fault("command_buffer_error", 0, 3)
        message_of(lambda token=token: session.step(token))
        softmetal.clear_faults()
        assert session.length == PROMPT + n
        session.step(token)
        assert np.array_equal(session.logits(), expected[n + 1])


@pytest.mark.usefixtures("nothing_left")
def test_many_logits_fail_and_work_again(
    softmetal: ModuleType, path: Path, tokens: list[int]
) -> None:
    """Logits of all positions come in slices, each a place to fail."""
    session = new_session(new_model(path))
    whole = session.all_logits(tokens)
    for fault in ["object_allocation", "command_buffer_error"]:
        for n in range(passes(softmetal, fault, lambda: session.all_logits(tokens))):
            softmetal.set_fault(fault, n, 2)
            message_of(lambda: session.all_logits(tokens))
            softmetal.clear_faults()
        assert np.array_equal(session.all_logits(tokens), whole)


@pytest.mark.usefixtures("nothing_left")
def test_the_compilers_words_are_in_the_message(softmetal: ModuleType, path: Path) -> None:
    softmetal.set_fault("compile", 0)
    assert "do not compile" in message_of(lambda: new_model(path))
    softmetal.set_fault("pipeline", 3)
    assert re.search(
        r"the kernel \w+ makes no pipeline for \d+ .+: .+\. Try",
        message_of(lambda: new_model(path)),
    )
    softmetal.set_fault("no_device", 0)
    assert "no Metal device" in message_of(_core.metal_device)


@pytest.mark.usefixtures("nothing_left")
def test_the_launchers_errors(softmetal: ModuleType) -> None:
    """It refuses what is not the kernel's, and fails like a model."""
    launcher = _core.Launcher(dense_q8=True, exact=True)
    rows = np.zeros((2, 64), np.uint16)
    residual = np.ones((2, 64), np.float32)
    args = np.array([2, 64], np.uint32).tobytes()
    buffers = {1: rows, 2: residual}
    assert "no kernel" in message_of(lambda: launcher.run("nonsense", args, buffers, 2))
    assert "takes 8 bytes" in message_of(lambda: launcher.run("embed", args[:4], buffers, 2))
    assert "index 2" in message_of(lambda: launcher.run("embed", args, {1: rows}, 2))
    assert "buffers" in message_of(lambda: launcher.run("embed", args, {**buffers, 3: rows}, 2))
    empty = {1: np.zeros(0, np.uint16), 2: residual}
    assert "empty" in message_of(lambda: launcher.run("embed", args, empty, 2))
    launcher.run("embed", args, buffers, 2)  # makes the pipeline
    for fault in COMPUTING:
        count = passes(softmetal, fault, lambda: launcher.run("embed", args, buffers, 2))
        for n in range(count):
            softmetal.set_fault(fault, n, 11)
            message_of(lambda: launcher.run("embed", args, buffers, 2))
            softmetal.clear_faults()
    residual[:] = 1
    launcher.run("embed", args, buffers, 2)
    assert not residual.any()
    assert launcher.max_threads("embed") >= 256
    assert "embed" in launcher.kernels()


@pytest.mark.usefixtures("nothing_left")
def test_a_launcher_that_does_not_open(softmetal: ModuleType) -> None:
    for fault in ["no_device", "compile"]:
        softmetal.set_fault(fault, 0)
        message_of(lambda: _core.Launcher(dense_q8=True, exact=False))
        softmetal.clear_faults()
    launcher = _core.Launcher(dense_q8=True, exact=False)
    softmetal.set_fault("pipeline", 0)
    message_of(lambda: launcher.max_threads("mix"))
    softmetal.clear_faults()
    assert launcher.max_threads("mix") >= 256
