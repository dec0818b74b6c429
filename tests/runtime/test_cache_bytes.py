"""Cache memory is counted exactly: what is shared once, what is freed no more."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss_metal import _core

from .subject import CHUNK, PAGE, WINDOW, Tokens, computed, follow, live, serialised, session


def _row(model: _core.Model) -> int:
    """Bytes of one position in two layers."""
    return 2 * 2 * 128 * (4 if model.precision == "exact" else 2)


@pytest.mark.parametrize("length", [1, PAGE, PAGE + 1, 600])
def test_session_bytes_are_what_a_session_takes(
    model: _core.Model, tokens: Tokens, length: int
) -> None:
    before = live(model)
    subject = computed(model, tokens[:length])
    assert live(model) - before == model.session_bytes(length, CHUNK) == subject.bytes
    del subject
    assert live(model) == before


def test_a_prefix_costs_its_window(model: _core.Model, tokens: Tokens) -> None:
    subject = computed(model, tokens[:300])
    before = live(model)
    prefix = subject.checkpoint()
    assert live(model) - before == prefix.bytes == WINDOW * _row(model)
    del prefix
    assert live(model) == before


def test_pages_live_as_long_as_anyone_has_them(model: _core.Model, tokens: Tokens) -> None:
    before = live(model)
    subject = computed(model, tokens[:300])
    prefix = subject.checkpoint()
    ring = model.session_bytes(0, CHUNK)
    del subject
    assert live(model) - before == 2 * PAGE * _row(model) + prefix.bytes
    first, second = session(model), session(model)
    first.restore(prefix)
    second.restore(prefix)
    # Each has a ring and a copy of the partial page; the whole page is there once.
    assert live(model) - before == 4 * PAGE * _row(model) + prefix.bytes + 2 * ring
    del prefix
    assert live(model) - before == 3 * PAGE * _row(model) + 2 * ring
    del first, second
    assert live(model) == before


def test_a_cut_session_copies_one_page(model: _core.Model, tokens: Tokens) -> None:
    subject = computed(model, tokens[:600])
    prefix = subject.checkpoint()
    before = live(model)
    subject.rewind(599)
    assert live(model) == before
    subject.step(3)
    assert live(model) - before == PAGE * _row(model)
    del prefix
    assert live(model) == before - WINDOW * _row(model)


def test_everything_is_given_back(model: _core.Model, tokens: Tokens) -> None:
    """After a random history of all operations."""
    before = live(model)
    random = np.random.default_rng(5)
    sessions = [session(model) for _ in range(3)]
    prefixes: list[_core.Prefix] = []
    for _ in range(60):
        subject = sessions[random.integers(3)]
        choice = random.integers(5)
        if choice == 0 and prefixes:
            subject.restore(prefixes[random.integers(len(prefixes))])
        elif choice == 1:
            subject.rewind(int(random.integers(subject.length + 1)))
        elif choice == 2 and prefixes:
            prefix = prefixes.pop(random.integers(len(prefixes)))
            prefixes.append(_core.Prefix.load(model, prefix.tokens, *serialised(prefix)))
        else:
            subject.sync(tokens[: random.integers(1, 600)])
            prefixes.append(subject.checkpoint())
    assert live(model) > before
    for prefix in prefixes:
        fresh = session(model)
        fresh.restore(prefix)
        follow(fresh, tokens[:5])
        assert np.isfinite(fresh.logits()).all()
    del sessions, prefixes, subject, prefix, fresh
    assert live(model) == before


def test_session_bytes_refuses_nonsense(model: _core.Model) -> None:
    with pytest.raises(_core.Error, match=r"-1 tokens are outside 0 .. "):
        model.session_bytes(-1, 64)
    with pytest.raises(_core.Error, match="tokens are outside"):
        model.session_bytes(10_000_000, 64)
    with pytest.raises(_core.Error, match="is negative"):
        model.session_bytes(10, -1)
