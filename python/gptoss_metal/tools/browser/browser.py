"""The browser: search, open and find on a stack of pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gptoss_metal.tools.browser.backends.backend import Backend, results_page
from gptoss_metal.tools.browser.display import BrowserError, Tokenizer, show
from gptoss_metal.tools.browser.find import find
from gptoss_metal.tools.browser.page import Page

RESULTS: Final = 10
MOST_RESULTS: Final = 20
MOST_PAGES: Final = 200
LINES_BEFORE: Final = 4
VIEW_SOURCE: Final = "view-source:"


@dataclass(frozen=True)
class Answer:
    """What the browser says.

    Attributes:
        text: what the model reads.
        failed: whether it is an error.
        action: what was done, as OpenAI's web search calls tell it.
    """

    text: str
    failed: bool = False
    action: Mapping[str, Any] = field(default_factory=dict)


class Browser:
    """A browser of one conversation. A page's place on the stack is its cursor.

    Args:
        backend: searches and fetches.
        tokenizer: measures what is shown.
    """

    def __init__(self, backend: Backend, tokenizer: Tokenizer) -> None:
        self._backend = backend
        self._tokenizer = tokenizer
        self._pages: list[Page] = []

    def page(self, cursor: int) -> Page | None:
        """The page at a cursor, if there is one."""
        return self._pages[cursor] if 0 <= cursor < len(self._pages) else None

    def call(self, operation: str, arguments: Mapping[str, Any] | None) -> Answer:
        """Runs a call of the model's.

        Args:
            operation: ``search``, ``open`` or ``find``.
            arguments: as the model gave them; None if they are no object.

        Returns:
            What the model reads; its mistakes and the web's are answers, too.
        """
        known: dict[str, Callable[[_Arguments], Answer]] = {
            "search": self._search,
            "open": self._open,
            "find": self._find,
        }
        if operation not in known:
            return Answer(f"Unknown function: {operation}. Try: search, open or find.", True)
        if arguments is None:
            return Answer("Invalid function arguments. Try: a JSON object.", True)
        given = _Arguments(arguments)
        try:
            return known[operation](given)
        except BrowserError as problem:
            return Answer(str(problem), True, given.action(operation))

    def _search(self, given: _Arguments) -> Answer:
        query = given.text("query")
        count = given.integer("topn", given.integer("top_n", RESULTS))
        hits = self._backend.search(query, min(max(count, 1), MOST_RESULTS))
        sources = [{"type": "url", "url": hit.url, "title": hit.title} for hit in hits]
        action = {"type": "search", "query": query, "queries": [query], "sources": sources}
        return Answer(self._show(results_page(query, hits)), action=action)

    def _open(self, given: _Arguments) -> Answer:
        target: Any = given.link()
        snippet = None
        if isinstance(target, str):
            url = target
            page = self._fetch(url, given.flag("view_source"))
        else:
            page = self._at(given.integer("cursor", -1))
            if target >= 0:
                if target not in page.links:
                    raise BrowserError(f"Invalid link id `{target}`.")
                snippet = (page.snippets or {}).get(target)
                url = page.links[target]
                page = (
                    self._known(url)
                    if snippet is not None
                    else self._fetch(url, given.flag("view_source"))
                )
            elif given.flag("view_source"):
                page = self._fetch(page.url, True)
        loc = given.integer("loc", -1)
        if loc < 0:
            line = 0 if snippet is None else snippet.line
            loc = line - LINES_BEFORE if line > LINES_BEFORE else line
        text = self._show(page, loc, given.integer("num_lines", -1))
        return Answer(text, action={"type": "open_page", "url": page.url})

    def _find(self, given: _Arguments) -> Answer:
        pattern = given.text("pattern")
        page = self._at(given.integer("cursor", -1))
        if page.is_results or page.snippets is not None:
            raise BrowserError("Cannot run `find` on search results page or find results page")
        action = {"type": "find_in_page", "pattern": pattern, "url": page.url}
        return Answer(self._show(find(pattern, page)), action=action)

    def _show(self, page: Page, loc: int = 0, count: int = -1) -> str:
        if len(self._pages) >= MOST_PAGES:
            raise BrowserError(f"{MOST_PAGES} pages are open, which is the most. Answer now.")
        text = show(page, len(self._pages), self._tokenizer, loc, count)
        self._pages.append(page)
        return text

    def _at(self, cursor: int) -> Page:
        if not self._pages:
            raise BrowserError("No pages to access!")
        last = len(self._pages) - 1
        page = self.page(last if cursor == -1 else cursor)
        if page is None:
            raise BrowserError(
                f"Cursor `{cursor}` is out of range. Available cursor indices: [0 - {last}]."
            )
        return page

    def _fetch(self, url: str, source: bool) -> Page:
        if url.startswith(VIEW_SOURCE):
            url, source = url.removeprefix(VIEW_SOURCE), True
        if not url:
            raise BrowserError("Search results have no source.")
        page = self._backend.fetch(url, source)
        return replace(page, url=VIEW_SOURCE + page.url) if source else page

    def _known(self, url: str) -> Page:
        for page in reversed(self._pages):
            if page.url == url and page.snippets is None:
                return page
        return self._fetch(url, False)


class _Arguments:
    """What the model gave, read as meant: numbers may be text, unknown names do not matter."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def text(self, name: str) -> str:
        value = self._given.get(name)
        if not isinstance(value, str) or not value.strip():
            raise BrowserError(f"`{name}` should be a text, and not empty.")
        return value

    def integer(self, name: str, default: int) -> int:
        value = self._given.get(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BrowserError(f"`{name}` should be an integer, not `{type(value).__name__}`")
        return value

    def flag(self, name: str) -> bool:
        return self._given.get(name) in (True, "true")

    def link(self) -> int | str:
        """The link's number, -1 for none, or an address."""
        value = self._given.get("id")
        if isinstance(value, str) and value.strip() and not value.strip().lstrip("-").isdecimal():
            return value.strip()
        return self.integer("id", -1)

    def action(self, operation: str) -> Mapping[str, Any]:
        """What was tried, when it failed."""
        if operation == "search":
            query = str(self._given.get("query", ""))
            return {"type": "search", "query": query, "queries": [query], "sources": []}
        if operation == "find":
            pattern = str(self._given.get("pattern", ""))
            return {"type": "find_in_page", "pattern": pattern, "url": ""}
        target = self._given.get("id")
        return {"type": "open_page", "url": target if isinstance(target, str) else None}
