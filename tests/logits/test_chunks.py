"""However a sequence gets into a session, its logits are the same (``precision="exact"``)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gptoss_metal import Cancelled, Model
from gptoss_metal.convert import convert
from tests.reference.checkpoints import write_checkpoint

WINDOW = 24
LENGTH = 600
TOLERANCE = 1e-4
"""In standard deviations of the logits."""

Logits = npt.NDArray[np.float32]


class Subject:
    """A loaded model, a sequence, and the logits of the sequence computed in one go."""

    def __init__(self, path: Path) -> None:
        """Load the model and compute the logits."""
        self.model = Model.load(path, precision="exact")
        self.tokens = np.random.default_rng(7).integers(0, 512, LENGTH, dtype=np.int32)
        self.expected = self.logits_alone(self.tokens)
        self.deviation = self.expected.std()

    def logits_alone(self, tokens: npt.NDArray[np.int32]) -> Logits:
        """Logits [tokens, vocab] from one chunk in a new session."""
        return self.model.session(chunk=2048).all_logits(tokens)

    def distance(self, found: Logits, expected: Logits) -> float:
        """Largest difference in standard deviations."""
        assert found.shape == expected.shape
        return float(np.abs(found - expected).max() / self.deviation)

    def at(self, session: Any) -> float:
        """How far the session's logits are from those of its last token in the sequence."""
        return self.distance(session.logits(), self.expected[session.length - 1])


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Window and full layers, more than two pages of tokens."""
    directory = tmp_path_factory.mktemp("chunks")
    write_checkpoint(
        directory / "checkpoint",
        layers=4, experts=8, top_k=2, hidden=128, intermediate=64, heads=8, kv_heads=2,
        window=WINDOW, vocab=512, seed=3,
    )  # fmt: skip
    return Subject(convert(directory / "checkpoint", directory / "model.safetensors"))


@pytest.mark.parametrize("chunk", [1, 7, 64, 2048])
def test_all_logits_in_chunks(subject: Subject, chunk: int) -> None:
    found = subject.model.session(chunk=chunk).all_logits(subject.tokens)
    assert subject.distance(found, subject.expected) <= TOLERANCE


@pytest.mark.parametrize("chunk", [1, 7, 64, 2048])
@pytest.mark.parametrize("length", [1, 2, 23, 24, 25, 255, 256, 257, 512, 600])
def test_sync_in_chunks(subject: Subject, chunk: int, length: int) -> None:
    session = subject.model.session(chunk=chunk)
    assert session.sync(subject.tokens[:length]) == length
    assert session.length == length
    np.testing.assert_array_equal(session.tokens, subject.tokens[:length])
    assert subject.at(session) <= TOLERANCE


def test_steps_after_sync(subject: Subject) -> None:
    session = subject.model.session(chunk=64)
    session.sync(subject.tokens[:250])
    for token in subject.tokens[250:300]:
        session.step(int(token))
        assert subject.at(session) <= TOLERANCE


def test_steps_from_the_first_token(subject: Subject) -> None:
    session = subject.model.session()
    for token in subject.tokens[: WINDOW + 10]:
        session.step(int(token))
        assert subject.at(session) <= TOLERANCE


@pytest.mark.parametrize("chunk", [7, 512])
@pytest.mark.parametrize("kept", [599, 590, 577, 576, 575, 512, 300, 257, 256, 255, 25, 24, 1, 0])
def test_rewind_and_sync(subject: Subject, chunk: int, kept: int) -> None:
    """Also past what the rings of the window layers still hold."""
    session = subject.model.session(chunk=chunk)
    session.sync(subject.tokens)
    session.rewind(kept)
    assert session.length == kept
    assert session.sync(subject.tokens) >= LENGTH - kept
    assert subject.at(session) <= TOLERANCE


@pytest.mark.parametrize("kept", [599, 580, 400, 256, 20, 1])
def test_rewind_and_step(subject: Subject, kept: int) -> None:
    session = subject.model.session(chunk=64)
    session.sync(subject.tokens)
    session.rewind(kept)
    for token in subject.tokens[kept : kept + 30]:
        session.step(int(token))
        assert subject.at(session) <= TOLERANCE


def test_repeated_rewinds(subject: Subject) -> None:
    session = subject.model.session(chunk=64)
    random = np.random.default_rng(11)
    for _ in range(25):
        session.rewind(int(random.integers(0, session.length + 1)))
        length = int(random.integers(session.length, min(session.length + 120, LENGTH)) + 1)
        session.sync(subject.tokens[:length])
        assert session.length == length
        assert subject.at(session) <= TOLERANCE


@pytest.mark.parametrize("common", [0, 1, 20, 256, 400, 590, 598])
def test_sync_to_another_continuation(subject: Subject, common: int) -> None:
    other = subject.tokens.copy()
    other[common:] = (other[common:] + 1) % 512
    expected = subject.logits_alone(other)
    session = subject.model.session(chunk=64)
    session.sync(subject.tokens)
    session.sync(other)
    assert subject.distance(session.logits(), expected[-1]) <= TOLERANCE
    session.sync(subject.tokens)
    assert subject.at(session) <= TOLERANCE


def test_sync_to_a_prefix(subject: Subject) -> None:
    session = subject.model.session(chunk=64)
    for length in (600, 599, 595, 300, 301, 10):
        session.sync(subject.tokens[:length])
        assert session.length == length
        assert subject.at(session) <= TOLERANCE


def test_sync_to_the_same_tokens(subject: Subject) -> None:
    session = subject.model.session()
    session.sync(subject.tokens)
    assert session.sync(subject.tokens) <= 1
    assert subject.at(session) <= TOLERANCE


def test_all_logits_after_other_work(subject: Subject) -> None:
    session = subject.model.session(chunk=64)
    session.sync(subject.tokens[::-1].copy())
    found = session.all_logits(subject.tokens)
    assert subject.distance(found, subject.expected) <= TOLERANCE
    session.rewind(500)
    session.sync(subject.tokens[:510])
    assert subject.at(session) <= TOLERANCE


@pytest.mark.parametrize("place", [0, 300, LENGTH - WINDOW - 1, LENGTH - WINDOW, LENGTH - 2])
def test_one_stale_token_would_be_noticed(subject: Subject, place: int) -> None:
    """Proof of the checks above, for caches that hold a token of another sequence."""
    stale = subject.tokens.copy()
    stale[place] = (stale[place] + 1) % 512
    found = subject.logits_alone(stale)[-1]
    assert subject.distance(found, subject.expected[-1]) > 5 * TOLERANCE


def test_two_sessions_in_two_threads(subject: Subject) -> None:
    sequences = [subject.tokens, subject.tokens[::-1].copy()]
    alone = [subject.logits_alone(tokens) for tokens in sequences]
    together: list[list[Logits]] = [[], []]
    begin = threading.Barrier(2)

    def compute(which: int) -> None:
        session = subject.model.session(chunk=64)
        begin.wait()
        for _ in range(3):
            together[which].append(session.all_logits(sequences[which]))
        session.rewind(300)
        for token in sequences[which][300:330]:
            session.step(int(token))
        together[which].append(session.logits().copy())

    threads = [threading.Thread(target=compute, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for which in range(2):
        *whole, last = together[which]
        assert len(whole) == 3
        for found in whole:
            assert subject.distance(found, alone[which]) <= TOLERANCE
        assert subject.distance(last, alone[which][329]) <= TOLERANCE


def test_a_cancelled_session_goes_on(subject: Subject) -> None:
    chunk = 8
    tokens = np.tile(subject.tokens, 10)
    session = subject.model.session(chunk=chunk)
    raised: list[BaseException] = []

    def compute() -> None:
        try:
            session.sync(tokens)
        except Cancelled as stopped:
            raised.append(stopped)

    thread = threading.Thread(target=compute)
    thread.start()
    while thread.is_alive():
        thread.join(0.05)
        session.cancel()
    assert len(raised) == 1, "the computation was over before it could be cancelled"
    assert session.length < len(tokens)
    assert session.length % chunk == 0
    np.testing.assert_array_equal(session.tokens, tokens[: session.length])

    session.sync(subject.tokens[:400])
    assert subject.at(session) <= TOLERANCE
    session.step(int(subject.tokens[400]))
    assert subject.at(session) <= TOLERANCE
