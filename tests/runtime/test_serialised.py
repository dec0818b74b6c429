"""Prefixes as bytes: they come back as they were, and what does not fit is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gptoss_metal import Error, _core

from .subject import PAGE, Tokens, computed, follow, serialised, session

LENGTHS = [1, 23, 24, 25, PAGE - 1, PAGE, PAGE + 1, 300, 2 * PAGE, 599]


@pytest.mark.parametrize("length", LENGTHS)
def test_round_trip(model: _core.Model, tokens: Tokens, length: int) -> None:
    original = computed(model, tokens[:length])
    pages, window = serialised(original.checkpoint())
    loaded = _core.Prefix.load(model, tokens[:length], pages, window)
    assert loaded.length == length
    np.testing.assert_array_equal(loaded.tokens, tokens[:length])
    assert loaded.bytes == len(window)
    assert serialised(loaded) == (pages, window)
    restored = session(model)
    restored.restore(loaded)
    rest = np.roll(tokens, -length)[:30]
    np.testing.assert_array_equal(follow(restored, rest), follow(original, rest))


def test_round_trip_of_an_empty_prefix(model: _core.Model) -> None:
    loaded = _core.Prefix.load(model, [], [], b"")
    assert serialised(loaded) == ([], b"")


def test_sizes_follow_the_positions(model: _core.Model, tokens: Tokens) -> None:
    """Two full layers and two window layers of two heads; the window is 24."""
    item = 4 if model.precision == "exact" else 2
    row = 2 * 2 * 128 * item
    pages, window = serialised(computed(model, tokens[:300]).checkpoint())
    assert [len(page) for page in pages] == [256 * row, 44 * row]
    assert len(window) == 24 * row
    _, window = serialised(computed(model, tokens[:10]).checkpoint())
    assert len(window) == 10 * row


def test_loaded_prefixes_are_written_like_others(model: _core.Model, tokens: Tokens) -> None:
    """Sessions that are cut back into a loaded page leave it as it is."""
    pages, window = serialised(computed(model, tokens[:300]).checkpoint())
    loaded = _core.Prefix.load(model, tokens[:300], pages, window)
    for cut in (299, 256, 100):
        subject = session(model)
        subject.restore(loaded)
        subject.rewind(cut)
        subject.sync(np.concatenate([tokens[:cut], tokens[:50]]))
        assert serialised(loaded) == (pages, window)


def _flip(part: bytes, at: int, bits: int) -> bytes:
    changed = bytearray(part)
    changed[at] ^= bits
    return bytes(changed)


@pytest.mark.parametrize("place", ["page 0", "page 1", "window"])
def test_a_damaged_value_changes_logits(model: _core.Model, tokens: Tokens, place: str) -> None:
    """Proof that the comparisons above see every part: a sign flips in each."""
    original = computed(model, tokens[:300])
    pages, window = serialised(original.checkpoint())
    item = 4 if model.precision == "exact" else 2
    # The last position's value in the first layer and head.
    if place == "page 0":
        pages[0] = _flip(pages[0], (255 * 128 + 70) * item + item - 1, 0x80)
    elif place == "page 1":
        pages[1] = _flip(pages[1], (43 * 128 + 70) * item + item - 1, 0x80)
    else:
        window = _flip(window, (23 * 128 + 70) * item + item - 1, 0x80)
    restored = session(model)
    restored.restore(_core.Prefix.load(model, tokens[:300], pages, window))
    rest = tokens[300:310]
    assert not np.array_equal(follow(restored, rest), follow(original, rest))


def test_the_oldest_value_that_counts(model: _core.Model, tokens: Tokens) -> None:
    """Of 24 window positions the first is only there to compute the last one anew."""
    original = computed(model, tokens[:300])
    pages, window = serialised(original.checkpoint())
    item = 4 if model.precision == "exact" else 2
    expected = follow(original, tokens[300:302], steps=2)
    for position, same in ((0, True), (1, False)):
        changed = _flip(window, (position * 128 + 70) * item + item - 1, 0x80)
        restored = session(model)
        restored.restore(_core.Prefix.load(model, tokens[:300], pages, changed))
        found = follow(restored, tokens[300:302], steps=2)
        assert np.array_equal(found[0], expected[0]) == same


def _refused(model: _core.Model, tokens: Tokens, pages: list[bytes], window: bytes) -> str:
    before = model.cache_bytes
    with pytest.raises(Error) as raised:
        _core.Prefix.load(model, tokens, pages, window)
    message = str(raised.value)
    assert re.fullmatch(r"\[[a-z]+\] .+\. Try: .+\.", message), message
    assert model.cache_bytes == before
    return message


def test_wrong_sizes_are_refused(model: _core.Model, tokens: Tokens) -> None:
    pages, window = serialised(computed(model, tokens[:300]).checkpoint())
    first, last = pages
    own = tokens[:300]
    assert "the window state has" in _refused(model, own, pages, window[:-1])
    assert "the window state has" in _refused(model, own, pages, window + b"\0")
    assert "the window state has 0 bytes" in _refused(model, own, pages, b"")
    assert "page 0 has" in _refused(model, own, [first[:-4], last], window)
    assert "page 1 has" in _refused(model, own, [first, last + b"\0"], window)
    assert "page 0 has" in _refused(model, own, [last, first], window)
    assert "300 tokens take 2 pages, not 1" in _refused(model, own, [first], window)
    assert "not 3" in _refused(model, own, [first, first, last], window)
    assert "page 1 has" in _refused(model, tokens[:299], pages, window)
    assert "take 1 pages, not 2" in _refused(model, tokens[:256], pages, window)


def test_tokens_are_checked(model: _core.Model, tokens: Tokens) -> None:
    pages, window = serialised(computed(model, tokens[:300]).checkpoint())
    wrong = tokens[:300].copy()
    wrong[7] = 512
    assert "token 512 at position 7" in _refused(model, wrong, pages, window)
    limit = model.config["max_position_embeddings"]
    long = np.zeros(limit + 1, dtype=np.int32)
    assert "more than the context" in _refused(model, long, pages, window)


@pytest.mark.parametrize("place", ["page 0", "page 1", "window"])
@pytest.mark.parametrize("negative", [False, True])
def test_values_that_are_no_numbers_are_refused(
    model: _core.Model, tokens: Tokens, place: str, negative: bool
) -> None:
    pages, window = serialised(computed(model, tokens[:300]).checkpoint())
    kind = np.dtype(np.float32 if model.precision == "exact" else np.float16)
    parts = {"page 0": pages[0], "page 1": pages[1], "window": window}
    values = np.frombuffer(parts[place], kind).copy()
    values[len(values) // 3] = -np.inf if negative else np.nan
    parts[place] = values.tobytes()
    message = _refused(model, tokens[:300], [parts["page 0"], parts["page 1"]], parts["window"])
    assert "holds a value that is no number" in message


def test_other_precision_is_refused(model: _core.Model, model_file: str, tokens: Tokens) -> None:
    pages, window = serialised(computed(model, tokens[:300]).checkpoint())
    precision = "default" if model.precision == "exact" else "exact"
    other = _core.Model(str(model_file), precision=precision)
    assert "bytes and should have" in _refused(other, tokens[:300], pages, window)


def test_pages_that_are_not_there(model: _core.Model, tokens: Tokens) -> None:
    prefix = computed(model, tokens[:300]).checkpoint()
    for index in (-1, 2):
        with pytest.raises(Error, match=f"there is no page {index} among 2"):
            prefix.page(index)
