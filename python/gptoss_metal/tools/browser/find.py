"""Search in a page."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from gptoss_metal.tools.browser.display import wrapped
from gptoss_metal.tools.browser.page import Page, Snippet, one_line

MOST: Final = 50
LINES: Final = 4
_LINK: Final = re.compile(r"【\d+†(?P<text>[^†】]+)(?:†[^†】]+)?】")
_CUT_AT_START: Final = re.compile(r"^[^【】]*】")
_CUT_AT_END: Final = re.compile(r"【\d*(?:†(?P<text>[^†】]*)(?:†[^†】]*)?)?$")


def find(pattern: str, page: Page) -> Page:
    """The places of a page that have a pattern, as a page.

    Args:
        pattern: what to look for, whatever its case.
        page: where.
    """
    sought = pattern.lower()
    lines = without_links("\n".join(wrapped(page.text))).split("\n")
    chunks: list[str] = []
    snippets: dict[int, Snippet] = {}
    at = 0
    while at < len(lines) and len(chunks) < MOST:
        if sought not in lines[at].lower():
            at += 1
            continue
        number = len(chunks)
        chunks.append("\n".join([f"# 【{number}†match at L{at}】", *lines[at : at + LINES]]))
        snippets[number] = Snippet(at)
        at += LINES
    shown = one_line(sought)
    return Page(
        url=f"{page.url}/find?pattern={quote(sought)}",
        title=f"Find results for text: `{shown}` in `{page.title}`",
        text="\n\n".join(chunks) or f"No `find` results for pattern: `{shown}`",
        links=dict.fromkeys(snippets, page.url),
        snippets=snippets,
    )


def without_links(text: str) -> str:
    """The text with the words of its links alone."""
    text = _CUT_AT_START.sub("", text)
    for pattern in (_CUT_AT_END, _LINK):
        text = pattern.sub(lambda match: match["text"] or "", text)
    return text
