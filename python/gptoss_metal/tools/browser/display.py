"""How a page is shown to the model: wrapped, numbered, a window at a time."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import unquote

from gptoss_metal.errors import Error
from gptoss_metal.tools.browser.page import Page, one_line

WIDTH: Final = 80
WINDOW_TOKENS: Final = 1024
LONGEST_TOKEN: Final = 128
LONGEST_HEADER: Final = 1024


class BrowserError(Error):
    """Something the model can act on; it is the tool's answer."""


class Tokenizer(Protocol):
    """Counts tokens; `gptoss_metal.harmony.vocabulary.Vocabulary` is one."""

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""

    def text(self, tokens: Sequence[int]) -> str:
        """The text of ids."""


def wrapped(text: str) -> list[str]:
    """The lines of a text, none longer than the display is wide."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += textwrap.wrap(line, WIDTH, replace_whitespace=False, drop_whitespace=False) or [""]
    return lines


def show(page: Page, cursor: int, tokenizer: Tokenizer, loc: int = 0, count: int = -1) -> str:
    """A window of a page.

    Args:
        page: the page.
        cursor: its place among those that are open.
        tokenizer: measures the window.
        loc: its first line.
        count: its number of lines; below 1 for as many as 1024 tokens hold.

    Raises:
        BrowserError: the page has no such line.
    """
    lines = wrapped(page.text)
    last = len(lines) - 1
    if not 0 <= loc <= last:
        raise BrowserError(
            f"Invalid location parameter: `{loc}`. Cannot exceed page maximum of {last}."
        )
    shown = [f"L{number}: {line}" for number, line in enumerate(lines)][loc:]
    shown = shown[: _fitting(shown, tokenizer) if count < 1 else count]
    url = unquote(page.url)
    if len(url) > LONGEST_HEADER:
        url = url[: LONGEST_HEADER - 3] + "..."
    header = f"{page.title} ({one_line(url)})" if url else page.title
    scroll = f"**viewing lines [{loc} - {loc + len(shown) - 1}] of {last}**"
    return f"[{cursor}] {header}\n{scroll}\n\n" + "\n".join(shown)


def _fitting(lines: Sequence[str], tokenizer: Tokenizer) -> int:
    """How many lines the window holds; the last one may be cut by its edge, and is shown whole."""
    text = "\n".join(lines)
    if len(text) <= WINDOW_TOKENS:
        return len(lines)
    ids = tokenizer.encode(text[: (WINDOW_TOKENS + 1) * LONGEST_TOKEN])
    if len(ids) <= WINDOW_TOKENS:
        return len(lines)
    return tokenizer.text(ids[:WINDOW_TOKENS]).count("\n") + 1
