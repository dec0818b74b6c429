"""A page as the model reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_SPECIAL: Final = str.maketrans({"【": "〖", "】": "〗", "◼": "◾", "\u200b": None})
_WHITE: Final = re.compile(r"\s+")


@dataclass(frozen=True)
class Snippet:
    """Where a link of a results page leads within the page it names.

    Attributes:
        line: of the match.
    """

    line: int


@dataclass(frozen=True)
class Page:
    """A page, a list of search results, or the matches of a search in a page.

    Attributes:
        url: its address; empty for search results.
        title: one line.
        text: its text, links as ``【id†text†domain】``.
        links: id → address.
        snippets: of a page of matches, by link id; None for a page of the web.
        is_results: whether it lists search results.
    """

    url: str
    title: str
    text: str
    links: Mapping[int, str] = field(default_factory=dict)
    snippets: Mapping[int, Snippet] | None = None
    is_results: bool = False


def plain(text: str) -> str:
    """Text without the characters that mark links, which a page could forge."""
    return text.translate(_SPECIAL)


def one_line(text: str) -> str:
    """The text on one line, its white space merged."""
    return _WHITE.sub(" ", plain(text)).strip()


def link(id_: int, text: str, domain: str = "") -> str:
    """A link as the model reads it."""
    label = one_line(text).replace("†", "‡")
    return f"【{id_}†{label}†{domain}】" if domain else f"【{id_}†{label}】"


def domain_of(url: str) -> str:
    """The host of an address, with its port; empty if it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
