"""The search engines: how they are asked, and what comes back."""

from __future__ import annotations

import inspect
import json
import sys
from http.server import BaseHTTPRequestHandler
from typing import Any

import ddgs
import pytest
from ddgs.ddgs import DDGS as RealDdgs  # noqa: N811
from ddgs.exceptions import DDGSException

from gptoss_metal.errors import Error
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.tools.browser.backends.web import Ddgs, Exa, SearXng, choose_backend
from gptoss_metal.tools.browser.browser import Browser
from gptoss_metal.tools.browser.display import BrowserError
from gptoss_metal.tools.browser.fetch import Fetcher
from tests.tools.browser.web import open_web, page

FOUND = {
    "results": [
        {
            "title": "A 【page】",
            "url": "https://a.example/x",
            "content": "It\nsays",
            "summary": "Sum",
        },
        {"title": None, "url": "https://b.example/", "content": None},
        {"title": "bad", "url": "javascript:alert(1)"},
        "nonsense",
    ]
}


def test_searxng(tokenizer: Vocabulary) -> None:
    with open_web({"/search?q=swifts+%26+air&format=json": page(json.dumps(FOUND))}) as web:
        hits = SearXng(url=web.url("/")).search("swifts & air", 10)
        assert [(hit.title, hit.url, hit.summary) for hit in hits] == [
            ("A 【page】", "https://a.example/x", "It\nsays"),
            ("", "https://b.example/", ""),
        ]
        browser = Browser(SearXng(url=web.url("/")), tokenizer)
        shown = browser.call("search", {"query": "swifts & air"}).text
        assert "  * 【0†A 〖page〗†a.example】 It says" in shown
        assert "  * 【1†https://b.example/†b.example】" in shown
        failed = browser.call("search", {"query": "other"})
        assert failed.failed
        assert failed.text == "Error during search for `other`: status 404"


def test_exa_is_asked_with_its_key() -> None:
    asked: list[tuple[str, Any]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        asked.append((handler.headers["x-api-key"], json.loads(handler.rfile.read(length))))
        page(json.dumps(FOUND), "application/json")(handler)

    with open_web({"/search": answer}) as web:
        exa = Exa(key="secret", url=web.url("/search"))
        assert exa.search("swifts", 3)[0].summary == "Sum"
        assert asked == [
            ("secret", {"query": "swifts", "numResults": 3, "contents": {"summary": True}})
        ]
        assert "secret" not in repr(exa)


@pytest.mark.parametrize("body", ["not json", "[]", '{"results": 5}', "{}"])
def test_nonsense_is_no_crash(body: str) -> None:
    with open_web({"/search?q=x&format=json": page(body)}) as web:
        try:
            assert SearXng(url=web.url("")).search("x", 3) == []
        except BrowserError as problem:
            said = str(problem)
        else:
            said = "Error during search for `x`: "
        assert said.startswith("Error during search for `x`: ")


def test_ddgs_through_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own interface, with its network taken away."""
    asked: list[tuple[Any, ...]] = []

    class Offline:
        def __init__(self, **given: Any) -> None:
            inspect.signature(RealDdgs).bind(**given)

        def text(self, query: str, **given: Any) -> list[dict[str, str]]:
            inspect.signature(RealDdgs.text).bind(self, query, **given)
            asked.append((query, given))
            if query == "nothing":
                raise DDGSException("No results found.")
            return [{"title": "T", "href": "https://a.example/", "body": "B"}]

    monkeypatch.setattr(ddgs, "DDGS", Offline)
    assert Ddgs().search("swifts", 4)[0].url == "https://a.example/"
    assert asked == [("swifts", {"max_results": 4})]
    with pytest.raises(BrowserError, match="No results found"):
        Ddgs().search("nothing", 4)


def test_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = choose_backend({"GPTOSS_METAL_SEARXNG_URL": "http://s", "EXA_API_KEY": "k"})
    assert isinstance(chosen, SearXng)
    assert chosen.url == "http://s"
    assert isinstance(choose_backend({"EXA_API_KEY": "k"}), Exa)
    assert isinstance(choose_backend({}), Ddgs)
    monkeypatch.setitem(sys.modules, "ddgs", None)
    with pytest.raises(Error, match=r"no search engine\. Try: pip install"):
        choose_backend({})


def test_pages_come_through_the_fetcher() -> None:
    with open_web({"/": page("<title>Home</title>")}) as web:
        assert Ddgs(Fetcher(web.policy)).fetch(web.url("/"), False).title == "Home"
        with pytest.raises(BrowserError, match="not on the public internet"):
            Ddgs().fetch(web.url("/"), False)
