"""Citations in an answer: rewritten however the text is cut, and told where they are."""

from __future__ import annotations

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gptoss_metal.events import Citation, Event, Reasoning, Text
from gptoss_metal.tools.browser.citations import Citations, rewritten
from gptoss_metal.tools.browser.page import Page, Snippet
from gptoss_metal.tools.quoting import Quoting

PAGES = {
    0: Page("", "results", "", is_results=True),
    1: Page("https://a.example/x", "A page", ""),
    2: Page("https://a.example/x/find?pattern=y", "Find", "", snippets={0: Snippet(3)}),
}
LINK = " ([a.example](https://a.example/x)) "
TEXT = (
    "Swifts sleep【1†L9-L11】 in the air【2†L3】, 【0†L1】 and 【7†L1】 not 【x】 here【1†L2†a】."
)
WANTED = f"Swifts sleep{LINK} in the air{LINK}, 【0†L1】 and 【7†L1】 not 【x】 here{LINK}."


def test_a_whole_text() -> None:
    assert rewritten(TEXT, PAGES.get) == WANTED
    assert rewritten("an open 【1†L9", PAGES.get) == "an open 【1†L9"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TEXT)]
    citations = Citations(PAGES.get, 10)
    out, found = "", []
    for start, end in itertools.pairwise(edges):
        text, cited = citations.feed(TEXT[start:end])
        out += text
        found += cited
    text, cited = citations.finish()
    assert out + text == WANTED
    assert [(" " * 10 + WANTED)[c.start : c.end] for c in [*found, *cited]] == [LINK] * 3


# A thread of 90 characters fits a citation, 91 do not; behind 200 nothing is held back.
LONG = st.sampled_from(["【", "】", "†", "【1†", "x", " ", "x" * 90, "x" * 91, "x" * 200])


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="【】†1L2-9x ", max_size=60) | st.lists(LONG).map("".join),
    st.integers(1, 5) | st.integers(60, 120),
)
@example("【1†【】", 1)
@example(f"【1†{'x' * 90}†{'x' * 90}】", 100)
@example(f"【1†{'x' * 91}】", 1)
@example(f"【1†{'x' * 200}】", 1)
def test_any_text(text: str, size: int) -> None:
    citations = Citations(PAGES.get)
    parts = [citations.feed(text[at : at + size])[0] for at in range(0, len(text), size)]
    assert "".join(parts) + citations.finish()[0] == rewritten(text, PAGES.get)


def test_how_long_a_citation_may_be() -> None:
    long, longer = ("x" * count for count in (90, 91))
    assert rewritten(f"【1†{long}†{long}】", PAGES.get) == LINK
    assert rewritten(f"【1†{longer}】", PAGES.get) == f"【1†{longer}】"


def test_what_is_held_back_is_little() -> None:
    citations = Citations(PAGES.get)
    assert citations.feed("a【1†")[0] == "a"
    assert citations.feed("x" * 300)[0] == "【1†" + "x" * 300


def test_events() -> None:
    quoting = Quoting(PAGES.get)
    given_events: list[Event] = [
        Text("Let me see 【1†L1】", "commentary", item=0),
        Reasoning("hm", item=1),
        Text("\n\nIt is", item=2, lead=2),
        Text(" so【1", item=2),
        Text("†L1】!", item=2),
        Text("\n\nOpen 【1†", item=3, lead=2),
    ]
    out = [told for event in given_events for told in quoting.feed(event)] + quoting.finish()
    text = "".join(event.text for event in out if isinstance(event, Text))
    assert text == f"Let me see 【1†L1】\n\nIt is so{LINK}!\n\nOpen 【1†"
    (citation,) = [event for event in out if isinstance(event, Citation)]
    assert text[citation.start : citation.end] == LINK
    assert (citation.url, citation.title) == ("https://a.example/x", "A page")
    leads = [(event.item, event.lead) for event in out if isinstance(event, Text)]
    assert leads == [(0, 0), (2, 2), (2, 0), (2, 0), (3, 2), (3, 0)]
