"""A restored session goes on exactly as the one that the prefix was taken from."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gptoss_metal import Error, _core

from .subject import CHUNK, LENGTH, PAGE, WINDOW, Tokens, computed, follow, session

SPLITS = [
    1, 2, WINDOW - 1, WINDOW, WINDOW + 1, 63, 64, 65, PAGE - 1, PAGE, PAGE + 1, 300,
    2 * PAGE - 1, 2 * PAGE, 2 * PAGE + 1,
]  # fmt: skip


@pytest.mark.parametrize("split", SPLITS)
def test_restored_is_continued(model: _core.Model, tokens: Tokens, split: int) -> None:
    original = computed(model, tokens[:split])
    prefix = original.checkpoint()
    assert prefix.length == split
    np.testing.assert_array_equal(prefix.tokens, tokens[:split])
    restored = session(model)
    restored.restore(prefix)
    assert restored.length == split
    np.testing.assert_array_equal(restored.tokens, tokens[:split])
    with pytest.raises(Error, match="no logits yet"):
        restored.logits()
    rest = tokens[split : split + 40]
    np.testing.assert_array_equal(follow(restored, rest), follow(original, rest))


@pytest.mark.parametrize("split", [WINDOW, PAGE, PAGE + 7])
@pytest.mark.parametrize("chunk", [1, 7, 512])
def test_restored_into_other_chunks(
    model: _core.Model, tokens: Tokens, split: int, chunk: int
) -> None:
    """The rings of the window layers have another length there."""
    original = computed(model, tokens[:split])
    restored = session(model, chunk)
    restored.restore(original.checkpoint())
    for token in tokens[split : split + 90]:
        restored.step(int(token))
        original.step(int(token))
    np.testing.assert_array_equal(restored.logits(), original.logits())


def test_restored_into_a_used_session(model: _core.Model, tokens: Tokens) -> None:
    prefix = computed(model, tokens[:300]).checkpoint()
    expected = follow(computed(model, tokens[:300]), tokens[300:340])
    used = computed(model, tokens[::-1].copy())
    used.restore(prefix)
    np.testing.assert_array_equal(follow(used, tokens[300:340]), expected)
    used.restore(prefix)
    np.testing.assert_array_equal(follow(used, tokens[300:340]), expected)


@pytest.mark.parametrize("split", [10, PAGE - 3, PAGE, PAGE + 100])
def test_branches_do_not_disturb_each_other(model: _core.Model, tokens: Tokens, split: int) -> None:
    """Two sessions and the original write different continuations in turns."""
    original = computed(model, tokens[:split])
    prefix = original.checkpoint()
    branches = [original, session(model), session(model)]
    for branch in branches[1:]:
        branch.restore(prefix)
    continuations = [(tokens[split : split + 60] + i) % 512 for i in range(3)]
    expected = []
    for continuation in continuations:
        alone = computed(model, tokens[:split])
        for token in continuation:
            alone.step(int(token))
        expected.append(alone.logits().copy())
    for place in range(60):
        for branch, continuation in zip(branches, continuations, strict=True):
            branch.step(int(continuation[place]))
    for branch, wanted in zip(branches, expected, strict=True):
        np.testing.assert_array_equal(branch.logits(), wanted)
    again = session(model)
    again.restore(prefix)
    for token in continuations[1]:
        again.step(int(token))
    np.testing.assert_array_equal(again.logits(), expected[1])


@pytest.mark.parametrize("cut", [0, 1, 30, PAGE - 1, PAGE, PAGE + 40, PAGE + 99])
def test_a_session_that_is_cut_back_spares_the_prefix(
    model: _core.Model, tokens: Tokens, cut: int
) -> None:
    """The original and a restored session are cut back into pages that the prefix shares."""
    split = PAGE + 100
    original = computed(model, tokens[:split])
    prefix = original.checkpoint()
    pages = [prefix.page(i) for i in range(prefix.page_count())]
    window = prefix.window()
    restored = session(model)
    restored.restore(prefix)
    other = (tokens[cut : cut + 150] + 1) % 512
    whole = np.concatenate([tokens[:cut], other])
    for subject in (original, restored):
        subject.rewind(cut)
        subject.sync(whole)
        assert [prefix.page(i) for i in range(prefix.page_count())] == pages
        assert prefix.window() == window
    third = session(model)
    third.restore(prefix)
    expected = follow(computed(model, tokens[:split]), tokens[split : split + 20])
    np.testing.assert_array_equal(follow(third, tokens[split : split + 20]), expected)


def test_checkpoints_along_the_way(model: _core.Model, tokens: Tokens) -> None:
    """Also of a page that an earlier checkpoint holds in part."""
    walker = session(model)
    prefixes = []
    for end in range(50, LENGTH, 50):
        while walker.length < end:
            part = tokens[walker.length : end]
            _core.advance([(walker, part)])
        prefixes.append(walker.checkpoint())
    for prefix in prefixes:
        restored = session(model)
        restored.restore(prefix)
        reference = session(model)
        for end in range(50, prefix.length + 1, 50):
            _core.advance([(reference, tokens[end - 50 : end])])
        rest = tokens[prefix.length : prefix.length + 10]
        np.testing.assert_array_equal(follow(restored, rest), follow(reference, rest))


def test_sync_after_restore_computes_what_is_new(model: _core.Model, tokens: Tokens) -> None:
    prefix = computed(model, tokens[:500]).checkpoint()
    restored = session(model)
    restored.restore(prefix)
    assert restored.sync(tokens[:520]) == 20
    restored.restore(prefix)
    assert restored.sync(tokens[:500]) == 1
    restored.restore(prefix)
    assert restored.sync(tokens[:499]) == 499


def test_rewinds_after_restore(model: _core.Model, tokens: Tokens) -> None:
    prefix = computed(model, tokens[:400]).checkpoint()
    restored = session(model)
    restored.restore(prefix)
    follow(restored, tokens[400:430])
    restored.rewind(400)
    expected = follow(computed(model, tokens[:400]), tokens[400:430])
    np.testing.assert_array_equal(follow(restored, tokens[400:430]), expected)
    restored.rewind(398)
    with pytest.raises(Error, match=r"the window before position 398 is gone\. Try: sync"):
        _core.advance([(restored, tokens[398:402])])
    assert restored.sync(tokens[:430]) == 430


def test_a_checkpoint_behind_the_window_is_refused(model: _core.Model, tokens: Tokens) -> None:
    subject = computed(model, tokens[:400])
    subject.rewind(200)
    with pytest.raises(Error, match=r"\[session\] the window before position 200 is gone\. Try: "):
        subject.checkpoint()


def test_an_empty_prefix(model: _core.Model, tokens: Tokens) -> None:
    prefix = session(model).checkpoint()
    assert (prefix.length, prefix.page_count(), prefix.bytes, prefix.window()) == (0, 0, 0, b"")
    subject = computed(model, tokens[:100])
    subject.restore(prefix)
    assert subject.length == 0
    expected = follow(session(model), tokens[:30])
    np.testing.assert_array_equal(follow(subject, tokens[:30]), expected)


def test_restore_refuses_what_does_not_fit(
    model: _core.Model, model_file: str, tokens: Tokens
) -> None:
    prefix = computed(model, tokens[:300]).checkpoint()
    short = _core.Session(model, context=299)
    short.sync(tokens[:9])
    with pytest.raises(Error, match="300 tokens are more than the context of 299"):
        short.restore(prefix)
    other = _core.Session(_core.Model(str(model_file), precision=model.precision))
    with pytest.raises(Error, match=r"the prefix is of another model\. Try: "):
        other.restore(prefix)
    np.testing.assert_array_equal(short.tokens, tokens[:9])
    short.logits()


def test_prefixes_in_threads(model: _core.Model, tokens: Tokens) -> None:
    """One session goes on and checkpoints while others restore, copy and cut back."""
    split = PAGE + 30
    original = computed(model, tokens[:split])
    prefix = original.checkpoint()
    expected = follow(computed(model, tokens[:split]), tokens[split : split + 50])
    failures: list[str] = []

    def restore() -> None:
        mine = session(model)
        for _ in range(10):
            mine.restore(prefix)
            if not np.array_equal(follow(mine, tokens[split : split + 50]), expected):
                failures.append("another continuation")
            mine.rewind(mine.length - 2)

    threads = [threading.Thread(target=restore) for _ in range(3)]
    for thread in threads:
        thread.start()
    for token in tokens[split : split + 100]:
        original.step(int(token))
        original.checkpoint()
    for thread in threads:
        thread.join()
    assert failures == []


def test_chunks_of_the_tests() -> None:
    """The constants above mean what they say."""
    assert _core.Prefix.page_positions == PAGE
    assert CHUNK < PAGE
