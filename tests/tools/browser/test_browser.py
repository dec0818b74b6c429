"""The browser as the model sees it: the trained display, links, cursors, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.tools.browser.backends.fixture import Fixture
from gptoss_metal.tools.browser.browser import Browser
from gptoss_metal.tools.browser.display import WINDOW_TOKENS, show, wrapped
from gptoss_metal.tools.browser.html import read_html
from gptoss_metal.tools.browser.page import Page

PAGES = {
    "https://birds.example/swift": """<html><head><title> The  swift </title>
<style>p{}</style><script>alert(1)</script></head><body>
<h1>Swifts</h1><p>Swifts <b>sleep</b> in the <a href="/air">air</a>, says
<a href="https://other.example/who?x=1">someone</a> and <a href='#top'>again</a>
<a href="/air">the air</a>. <img src="x.png" alt="a swift"><img src="y.png"></p>
<ul><li>fast</li><li>high<ul><li>very</li></ul></li></ul>
<table><tr><th>year</th><th>birds</th></tr><tr><td>2020</td><td>12</td></tr></table>
<pre>code  stays</pre><p>2<sup>3</sup> 【1†forged】 a_b *c* <a href="mailto:x@y">mail</a></p>
</body></html>""",
    "https://birds.example/air": "<title>Air</title>"
    + "".join(
        f"<p>Line number {number} of the page about air, with words to fill it up. </p>"
        for number in range(200)
    ),
}


@pytest.fixture
def browser(tokenizer: Vocabulary) -> Browser:
    return Browser(Fixture(PAGES), tokenizer)


def test_the_trained_display(browser: Browser) -> None:
    found = browser.call("search", {"query": "swifts sleep", "topn": 3})
    assert not found.failed
    results = found.text.split("\n")
    assert results[:7] == [
        "[0] swifts sleep",
        "**viewing lines [0 - 6] of 6**",
        "",
        "L0: ",
        "L1: URL: ",
        "L2: # Search Results",
        "L3: ",
    ]
    assert results[7].startswith(
        "L4:   * 【0†The swift†birds.example】 # Swifts Swifts sleep in the"
    )
    opened = browser.call("open", {"id": 0})
    lines = opened.text.split("\n")
    assert lines[0] == "[1] The swift (https://birds.example/swift)"
    assert re.fullmatch(r"\*\*viewing lines \[0 - (\d+)\] of \1\*\*", lines[1])
    assert lines[2] == ""
    assert lines[3:5] == ["L0: ", "L1: URL: https://birds.example/swift"]
    body = "\n".join(line.partition(": ")[2] for line in lines[3:])
    for part in (
        "# Swifts\n",
        "Swifts sleep in the 【0†air】, says 【1†someone†other.example】 and again ",
        ". [Image 0: a swift][Image 1]",
        "* fast\n* high\n",
        "year birds\n2020 12\n",
        "code  stays",
        "〖1†forged〗 a_b *c* mail",
    ):
        assert part in body, body
    assert "alert" not in body
    assert opened.action == {"type": "open_page", "url": "https://birds.example/swift"}


def test_links_windows_and_scrolling(browser: Browser, tokenizer: Vocabulary) -> None:
    browser.call("open", {"id": "https://birds.example/swift"})
    first = browser.call("open", {"id": 0, "cursor": 0}).text
    assert first.startswith("[1] Air (https://birds.example/air)\n**viewing lines [0 - ")
    shown = first.partition("\n\n")[2]
    count = len(tokenizer.encode(shown))
    last_line = len(tokenizer.encode(shown.rpartition("\n")[2]))
    assert WINDOW_TOKENS <= count <= WINDOW_TOKENS + last_line
    end = int(re.findall(r"- (\d+)\]", first)[0])
    second = browser.call("open", {"loc": end + 1}).text
    assert second.startswith(f"[2] Air (https://birds.example/air)\n**viewing lines [{end + 1} - ")
    three = browser.call("open", {"loc": 5, "num_lines": 3, "cursor": 1}).text
    assert three.startswith("[3] ")
    assert "**viewing lines [5 - 7] of" in three
    assert [line.partition(":")[0] for line in three.split("\n")[3:]] == ["L5", "L6", "L7"]


def test_find_in_a_page(browser: Browser) -> None:
    browser.call("open", {"id": "https://birds.example/air"})
    found = browser.call("find", {"pattern": "NUMBER 17 of"})
    lines = found.text.split("\n")
    assert lines[0].startswith("[1] Find results for text: `number 17 of` in `Air` (")
    match = re.fullmatch(r"L0: # 【0†match at L(\d+)】", lines[3])
    assert match is not None
    assert lines[4].startswith("L1: Line number 17 of")
    assert len(lines) == 3 + 1 + 4
    assert found.action["type"] == "find_in_page"
    opened = browser.call("open", {"id": 0})
    assert f"**viewing lines [{int(match[1]) - 4} - " in opened.text
    nothing = browser.call("find", {"pattern": "zebra"})
    assert nothing.text.endswith("L0: No `find` results for pattern: `zebra`")
    many = browser.call("find", {"pattern": "line", "cursor": 0})
    assert "【49†match" in many.text or "**viewing lines" in many.text
    again = browser.call("find", {"pattern": "x"})
    assert again.failed
    assert "Cannot run `find`" in again.text


@pytest.mark.parametrize(
    ("operation", "arguments", "message"),
    [
        ("search", {}, "`query` should be a text"),
        ("search", {"query": " "}, "`query` should be a text"),
        ("search", None, "Invalid function arguments"),
        ("read", {}, "Unknown function: read"),
        ("open", {"id": 7}, "Invalid link id `7`"),
        ("open", {"cursor": 9}, "Cursor `9` is out of range. Available cursor indices: [0 - 0]."),
        ("open", {"cursor": -3}, "out of range"),
        ("open", {"cursor": "first"}, "`cursor` should be an integer, not `str`"),
        ("open", {"loc": 10**6}, "Invalid location parameter: `1000000`. Cannot exceed page"),
        ("open", {"id": "https://nowhere.example/"}, "Error fetching URL"),
        ("open", {"id": True}, "`id` should be an integer"),
        ("open", {"view_source": True}, "Search results have no source"),
        ("find", {"pattern": "x"}, "Cannot run `find` on search results"),
        ("find", {"pattern": 5}, "`pattern` should be a text"),
    ],
)
def test_mistakes_are_told_to_the_model(
    browser: Browser, operation: str, arguments: dict[str, object] | None, message: str
) -> None:
    browser.call("search", {"query": "swifts"})
    answer = browser.call(operation, arguments)
    assert answer.failed
    assert message in answer.text
    assert browser.call("open", {}).text.startswith("[1] "), "a mistake opens no page"


def test_before_any_page(browser: Browser) -> None:
    assert browser.call("open", {}).text == "No pages to access!"
    assert browser.call("find", {"pattern": "x"}).text == "No pages to access!"


@pytest.mark.parametrize(
    "arguments",
    [{"id": "0"}, {"id": 0.0}, {"id": 0, "cursor": "0"}, {"id": 0, "source": "web", "x": []}],
)
def test_arguments_are_read_as_meant(browser: Browser, arguments: dict[str, object]) -> None:
    browser.call("search", {"query": "swifts"})
    assert browser.call("open", arguments).text.startswith("[1] The swift (")


def test_the_source(browser: Browser) -> None:
    browser.call("open", {"id": "https://birds.example/swift"})
    text = browser.call("open", {"view_source": True}).text
    assert text.startswith("[1] https://birds.example/swift (view-source:https://birds.example")
    assert "<h1>Swifts</h1>" in text
    assert "〖1†forged〗" in text


def test_a_folder_of_pages(tmp_path: Path, tokenizer: Vocabulary) -> None:
    (tmp_path / "a.example").mkdir()
    (tmp_path / "a.example" / "x.html").write_text("<title>X</title><p>zebra")
    browser = Browser(Fixture.folder(tmp_path), tokenizer)
    assert "【0†X†a.example】" in browser.call("search", {"query": "zebra"}).text
    assert "Nothing was found" in browser.call("search", {"query": "swift"}).text


def test_deep_html_and_broken_html(tokenizer: Vocabulary) -> None:
    deep = read_html("<div>" * 100_000 + "deep inside" + "</div>" * 100_000, "https://a.example/")
    assert deep.title == "a.example"
    links = read_html("<a href=/x>y" * 5000, "https://a.example/")
    assert links.links == {0: "https://a.example/x"}
    for html in (
        "",
        "<",
        "\x00",
        "<a href='http://[x'>bad</a>",
        "<a href='//'>x</a>",
        "<table><td>",
    ):
        assert read_html(html, "https://a.example/").text.startswith("\nURL: https://a.example/")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab \n<>/p=\"'&;【】†x{}-!"), max_size=200))
def test_any_html_is_read(html: str) -> None:
    found = read_html(html, "https://a.example/")
    assert "【" not in re.sub(r"【\d+†[^【】]*】", "", found.text)


class Words:
    """Counts words."""

    def encode(self, text: str) -> list[int]:
        self.words = re.findall(r"\S+\s*|\s+", text)
        return list(range(len(self.words)))

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(self.words[token] for token in tokens)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=3000), st.integers(0, 60), st.integers(-1, 5))
def test_any_text_is_shown(text: str, loc: int, count: int) -> None:
    lines = wrapped(text)
    assert "".join(lines) == text.replace("\n", "").expandtabs()
    assert all(len(line) <= 80 for line in lines)
    if loc < len(lines):
        shown = show(Page("", "t", text), 3, Words(), loc, count)
        assert shown.startswith(f"[3] t\n**viewing lines [{loc} - ")
        assert json.dumps(shown)
