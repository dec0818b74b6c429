"""Stop strings, however the text is cut into pieces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_metal.stops import StopMatcher

LETTERS = st.text("ab", max_size=12)


@given(
    pieces=st.lists(LETTERS, max_size=6),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_cuts_at_the_first_stop(pieces: list[str], stops: list[str]) -> None:
    matcher = StopMatcher(stops)
    got = "".join(matcher.feed(piece) for piece in pieces)
    assert not any(stop in got for stop in stops)
    got += matcher.finish()
    text = "".join(pieces)
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    if not ends:
        assert (got, matcher.hit) == (text, False)
        return
    assert matcher.hit
    assert text.startswith(got)
    assert any(text[len(got) :].startswith(stop) for stop in stops)
    assert not any(stop in got for stop in stops)


def test_holds_back_no_more_than_needed() -> None:
    matcher = StopMatcher(["END"])
    assert matcher.feed("an E") == "an "
    assert matcher.holds
    assert matcher.feed("Nd of it") == "ENd of it"
    assert not matcher.holds
