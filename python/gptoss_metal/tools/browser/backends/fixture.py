"""A web of a few pages, for tests and for work without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gptoss_metal.tools.browser.backends.backend import Hit
from gptoss_metal.tools.browser.display import BrowserError
from gptoss_metal.tools.browser.find import without_links
from gptoss_metal.tools.browser.html import read_html
from gptoss_metal.tools.browser.page import Page, plain

_SHOWN = 160


class Fixture:
    """Pages given as HTML; a search finds those that have one of its words.

    Args:
        pages: address → HTML.
    """

    def __init__(self, pages: Mapping[str, str]) -> None:
        self._pages = dict(pages)

    @classmethod
    def folder(cls, folder: Path) -> Fixture:
        """The HTML files of a folder: ``example.com/a.html`` is ``https://example.com/a.html``."""
        return cls(
            {
                f"https://{path.relative_to(folder).as_posix()}": path.read_text("utf-8")
                for path in sorted(folder.rglob("*.html"))
            }
        )

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """The pages that have words of the query, those with the most first."""
        words = set(query.lower().split())
        found = []
        for url, html in self._pages.items():
            page = read_html(html, url)
            score = sum(word in f"{page.title} {page.text}".lower() for word in words)
            if score:
                summary = without_links(page.text.strip().partition("\n")[2])[:_SHOWN]
                found.append((-score, Hit(page.title, url, summary)))
        return [hit for _, hit in sorted(found, key=lambda pair: pair[0])][:count]

    def fetch(self, url: str, source: bool) -> Page:
        """A page of the fixture."""
        html = self._pages.get(url)
        if html is None:
            raise BrowserError(f"Error fetching URL `{url}`: there is no such page")
        if source:
            return Page(url, url, f"\nURL: {url}\n{plain(html)}")
        return read_html(html, url)
