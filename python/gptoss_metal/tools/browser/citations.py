"""Citations in an answer: ``【cursor†L9-L11】`` becomes a link, and is announced."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from gptoss_metal.tools.browser.page import Page, domain_of

Find = Callable[[int], Page | None]

# None within another, and none longer than what is held back: so it does not matter how the text
# comes.
_CITATION: Final = re.compile(r"【(?P<cursor>\d{1,6})†[^【†】]{1,90}(?:†[^【†】]{1,90})?】")
_OPEN: Final = "【"
LONGEST: Final = 200
"""Characters that are held back at most: a citation is shorter."""


@dataclass(frozen=True)
class Cited:
    """A link that stands for a citation.

    Attributes:
        start: in the text written so far.
        end: behind its last character.
        page: what was cited.
    """

    start: int
    end: int
    page: Page


class Citations:
    """Rewrites a text as it comes; what may be half a citation is held back.

    Args:
        find: the page at a cursor, if there is one.
        written: how many characters were written before.
    """

    def __init__(self, find: Find, written: int = 0) -> None:
        self._find = find
        self._held = ""
        self.written = written
        """Characters given out, those before included."""

    def feed(self, text: str) -> tuple[str, list[Cited]]:
        """Takes more text; returns what can be given out, and the citations in it."""
        self._held += text
        whole = self._held
        at = whole.rfind(_OPEN)
        if at >= 0 and "】" not in whole[at:] and len(whole) - at <= LONGEST:
            whole = whole[:at]
        self._held = self._held[len(whole) :]
        return self._rewrite(whole)

    def finish(self) -> tuple[str, list[Cited]]:
        """Gives out what is held back."""
        rest, self._held = self._held, ""
        return self._rewrite(rest)

    def _rewrite(self, text: str) -> tuple[str, list[Cited]]:
        out, found, at = "", [], 0
        for match in _CITATION.finditer(text):
            page = self._find(int(match["cursor"]))
            if page is None or not page.url:
                continue
            out += text[at : match.start()]
            shown = _link(page)
            start = self.written + len(out)
            found.append(Cited(start, start + len(shown), page))
            out += shown
            at = match.end()
        out += text[at:]
        self.written += len(out)
        return out, found


def rewritten(text: str, find: Find) -> str:
    """A whole text with its citations as links."""
    citations = Citations(find)
    return citations.feed(text)[0] + citations.finish()[0]


def source_of(page: Page) -> tuple[str, str]:
    """Address and title of what was cited, for a reader: of matches in a page, that page's."""
    url = page.url.removeprefix("view-source:")
    if page.snippets is None:
        return url, page.title
    url = url.rpartition("/find?pattern=")[0]
    return url, domain_of(url)


def _link(page: Page) -> str:
    url, _ = source_of(page)
    return f" ([{urlsplit(unquote(url)).netloc or url}]({url})) "
