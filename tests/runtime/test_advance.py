"""advance(): several sessions in one pass, each as if it were alone."""

from __future__ import annotations

import re
import threading
import time

import numpy as np
import pytest

from gptoss_metal import Cancelled, Error, _core

from .subject import CHUNK, Logits, Tokens, computed, session

Plan = list[tuple[int, int]]
"""Per item: where it starts and how many tokens it appends."""

PLANS: dict[str, Plan] = {
    "one": [(40, 1)],
    "two decode": [(40, 1), (300, 1)],
    "pairs": [(40, 2), (41, 2), (300, 2)],
    "eight decode": [(10 * i + 3, 1) for i in range(8)],
    "eleven decode": [(7 * i + 30, 1 + i % 2) for i in range(11)],
    "nineteen decode": [(5 * i + 100, 1) for i in range(19)],
    "prefill": [(0, 64), (256, 30)],
    "decode and prefill": [(100, 1), (17, 64), (200, 1), (255, 2), (0, 5), (64, 3)],
    "from nothing": [(0, 1), (0, 2), (0, 3), (0, 64)],
}


def _parts(tokens: Tokens, plan: Plan) -> list[tuple[Tokens, Tokens]]:
    """Each item's own sequence, cut where the item starts."""
    sequences = [(tokens + 31 * i) % 512 for i in range(len(plan))]
    return [(s[:a], s[a : a + n]) for s, (a, n) in zip(sequences, plan, strict=True)]


def _ready(model: _core.Model, before: Tokens) -> _core.Session:
    return computed(model, before) if len(before) else session(model)


def _alone(model: _core.Model, before: Tokens, added: Tokens) -> Logits:
    subject = _ready(model, before)
    _core.advance([(subject, added)])
    return subject.logits().copy()


@pytest.mark.parametrize("name", PLANS)
def test_items_do_not_see_each_other(model: _core.Model, tokens: Tokens, name: str) -> None:
    parts = _parts(tokens, PLANS[name])
    expected = [_alone(model, before, added) for before, added in parts]
    for order in (1, -1):
        sessions = [_ready(model, before) for before, _ in parts]
        work = [(s, added) for s, (_, added) in zip(sessions, parts, strict=True)]
        _core.advance(work[::order])
        for subject, wanted, (before, added) in zip(sessions, expected, parts, strict=True):
            np.testing.assert_array_equal(subject.logits(), wanted)
            np.testing.assert_array_equal(subject.tokens, np.concatenate([before, added]))


def test_a_long_walk_together(model: _core.Model, tokens: Tokens) -> None:
    """Sessions of different lengths decode; others join with chunks of prefill, and leave."""
    rng = np.random.default_rng(3)
    sequences = [(tokens + 17 * i) % 512 for i in range(5)]
    together = [session(model) for _ in sequences]
    alone = [session(model) for _ in sequences]
    for _ in range(60):
        work = []
        for subject, single, sequence in zip(together, alone, sequences, strict=True):
            count = int(rng.choice([0, 1, 1, 1, 2, 9, CHUNK]))
            part = sequence[subject.length : subject.length + count]
            if len(part) == 0:
                continue
            work.append((subject, part))
            _core.advance([(single, part)])
        _core.advance(work)
        for subject, single in zip(together, alone, strict=True):
            if subject.length:
                np.testing.assert_array_equal(subject.logits(), single.logits())
    assert min(subject.length for subject in together) > 100


def test_step_and_sync_are_passes_of_one_item(model: _core.Model, tokens: Tokens) -> None:
    first, second, third = session(model), session(model), session(model)
    _core.advance([(first, tokens[:50])])
    second.sync(tokens[:50])
    third.sync(tokens[:49])
    np.testing.assert_array_equal(first.logits(), second.logits())
    _core.advance([(third, tokens[49:50]), (first, tokens[50:51])])
    second.step(int(tokens[50]))
    np.testing.assert_array_equal(first.logits(), second.logits())


def test_lists_of_tokens_and_an_empty_pass(model: _core.Model) -> None:
    subject = session(model)
    _core.advance([])
    _core.advance([(subject, [1, 2, 3])])
    assert subject.tokens.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ([], r"a pass over 0 tokens is outside 1 \.\. 64"),
        ([1] * 65, r"a pass over 65 tokens is outside 1 \.\. 64"),
        ([1, 512], "token 512 at position 101 is outside the vocabulary"),
        ([1, -1], "token -1 at position 101"),
        ([1] * 21, "121 tokens are more than the context of 120"),
    ],
)
def test_bad_items_change_nothing(
    model: _core.Model, tokens: Tokens, added: list[int], message: str
) -> None:
    good = computed(model, tokens[:100])
    bad = _core.Session(model, context=120, chunk=CHUNK)
    bad.sync(tokens[:100])
    before = bad.logits().copy()
    for work in ([(good, [5]), (bad, added)], [(bad, added), (good, [5])]):
        with pytest.raises(Error, match=message) as raised:
            _core.advance(work)
        assert re.fullmatch(r"\[session\] .+\. Try: .+\.", str(raised.value))
    for subject in (good, bad):
        assert subject.length == 100
        np.testing.assert_array_equal(subject.logits(), before)
        subject.step(7)
    np.testing.assert_array_equal(good.logits(), bad.logits())


def test_impossible_passes(model: _core.Model, model_file: str, tokens: Tokens) -> None:
    subject = computed(model, tokens[:10])
    with pytest.raises(Error, match="a session is in the pass twice"):
        _core.advance([(subject, [1]), (subject, [2])])
    stranger = _core.Session(_core.Model(str(model_file)), chunk=CHUNK)
    with pytest.raises(Error, match="the sessions are of different models"):
        _core.advance([(subject, [1]), (stranger, [2])])
    with pytest.raises(TypeError):
        _core.advance([(None, [1])])  # type: ignore[list-item]
    assert (subject.length, stranger.length) == (10, 0)


def test_a_cancelled_pass_changes_nothing(model: _core.Model, tokens: Tokens) -> None:
    """Whichever session is cancelled, all stay as they were and can go on."""
    sessions = [computed(model, tokens[: 100 + 7 * i]) for i in range(6)]
    before = [subject.logits().copy() for subject in sessions]
    work = [(subject, tokens[200:260]) for subject in sessions]
    done = threading.Event()
    cancelled = 0

    def cancel() -> None:
        while not done.is_set():
            sessions[4].cancel()
            time.sleep(0.0002)

    for _ in range(50):
        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            _core.advance(work)
        except Cancelled:
            cancelled += 1
        finally:
            done.set()
            thread.join()
            done.clear()
        if cancelled:
            break
        sessions = [computed(model, tokens[: 100 + 7 * i]) for i in range(6)]
        work = [(subject, tokens[200:260]) for subject in sessions]
    assert cancelled, "every pass was over before it could be cancelled"
    for i, (subject, logits) in enumerate(zip(sessions, before, strict=True)):
        np.testing.assert_array_equal(subject.tokens, tokens[: 100 + 7 * i])
        np.testing.assert_array_equal(subject.logits(), logits)
    _core.advance(work)
    for i, subject in enumerate(sessions):
        expected = _alone(model, tokens[: 100 + 7 * i], tokens[200:260])
        np.testing.assert_array_equal(subject.logits(), expected)


def test_passes_of_several_threads(model: _core.Model, tokens: Tokens) -> None:
    """They take turns with the model."""
    expected = _alone(model, tokens[:30], tokens[30:60])
    found: list[Logits] = []

    def compute() -> None:
        pair = [computed(model, tokens[:30]), computed(model, tokens[::-1][:70].copy())]
        for _ in range(10):
            _core.advance([(pair[0], tokens[30:60]), (pair[1], tokens[:1])])
            found.append(pair[0].logits().copy())
            pair[0].rewind(30)

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    for logits in found:
        np.testing.assert_array_equal(logits, expected)


@pytest.mark.parametrize("place", [0, 60, 99])
def test_one_other_token_is_noticed(model: _core.Model, tokens: Tokens, place: int) -> None:
    """Proof of the comparisons above, for passes that mix up their items' histories."""
    other = tokens.copy()
    other[place] = (other[place] + 1) % 512
    found = _alone(model, other[:100], tokens[100:101])
    assert not np.array_equal(found, _alone(model, tokens[:100], tokens[100:101]))
