"""Citations in the events of an answer."""

from __future__ import annotations

from dataclasses import replace

from gptoss_metal.events import Citation, Event, Text
from gptoss_metal.tools.browser.citations import Citations, Cited, Find, source_of


class Quoting:
    """Rewrites citations in final text; a `Citation` follows the text that has it.

    Args:
        find: the page at a cursor, if there is one.
    """

    def __init__(self, find: Find) -> None:
        self._find = find
        self._written = 0
        self._citations: Citations | None = None
        self._due: Text | None = None
        """What is held back so far: item, tokens and blank line of it, without its text."""

    def feed(self, event: Event) -> list[Event]:
        """Takes the next event; what is held back comes before what is not more of it."""
        if not isinstance(event, Text):
            return [*self.finish(), event]
        before = self.finish() if self._due is not None and event.item != self._due.item else []
        if event.channel != "final":
            self._written += len(event.text)
            return [*before, event]
        lead, text = event.text[: event.lead], event.text[event.lead :]
        if self._citations is None:
            self._citations = Citations(self._find, self._written + len(lead))
        if self._due is None:
            self._due = replace(event, text=lead, tokens=())
        self._due = replace(self._due, tokens=(*self._due.tokens, *event.tokens))
        return [*before, *self._said(*self._citations.feed(text))]

    def finish(self) -> list[Event]:
        """Gives out what is held back."""
        if self._citations is None:
            return []
        out = self._said(*self._citations.finish())
        self._written = self._citations.written
        self._citations = self._due = None
        return out

    def _said(self, text: str, cited: list[Cited]) -> list[Event]:
        due = self._due
        if due is None or not text:
            return []
        self._due = replace(due, text="", lead=0, tokens=())
        said = replace(due, text=due.text + text)
        return [said, *(Citation(c.start, c.end, *source_of(c.page)) for c in cited)]
