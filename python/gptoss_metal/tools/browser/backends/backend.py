"""What a search engine is to the browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gptoss_metal.tools.browser.page import Page, domain_of, link, one_line


@dataclass(frozen=True)
class Hit:
    """A search result.

    Attributes:
        title: of the page.
        url: its address.
        summary: a few sentences of it; may be empty.
    """

    title: str
    url: str
    summary: str = ""


class Backend(Protocol):
    """Searches, and fetches pages; both block."""

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """What is found for a query, best first.

        Raises:
            BrowserError: the search failed; the model may try again.
        """

    def fetch(self, url: str, source: bool) -> Page:
        """A page.

        Args:
            url: its address.
            source: show its text as it is, tags and all.

        Raises:
            BrowserError: it cannot or must not be fetched.
        """


def results_page(query: str, hits: Sequence[Hit]) -> Page:
    """Search results as a page."""
    links: dict[int, str] = {}
    lines = []
    for hit in hits:
        number = len(links)
        links[number] = hit.url
        mark = link(number, hit.title or hit.url, domain_of(hit.url))
        lines.append(f"  * {mark} {one_line(hit.summary)}".rstrip())
    text = "\n".join(lines) or "Nothing was found. Try other words."
    body = f"\nURL: \n# Search Results\n\n{text}"
    return Page("", one_line(query), body, links, is_results=True)
