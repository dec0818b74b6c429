"""What is written to the terminal, and what to a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

_CONTROLS: Final = {
    code: None for code in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if chr(code) not in "\t\n"
}


def console(*, stderr: bool = False) -> Console:
    """A rich console that prints text as it is: no markup, no highlighting."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def printable(text: str) -> str:
    """Text without control characters, which could steer a terminal; tabs and line ends stay."""
    return text.translate(_CONTROLS)


class Answer:
    """Streams an answer to stdout, and the reasoning, dimmed, to a terminal.

    Args:
        reasoning: where to show reasoning; None to leave it out.
    """

    def __init__(self, reasoning: Console | None) -> None:
        self._console = reasoning
        self._in_reasoning = False
        self._open_line = False

    def reasoning(self, text: str) -> None:
        """Appends reasoning."""
        if self._console is not None and text:
            self._in_reasoning = True
            self._console.print(printable(text), end="", style="dim")

    def text(self, text: str) -> None:
        """Appends to the answer."""
        if not text:
            return
        self._end_reasoning("\n\n")
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
        self._open_line = not text.endswith("\n")

    def end(self) -> None:
        """Ends the line that is open, if one is."""
        self._end_reasoning("\n")
        if self._open_line:
            sys.stdout.write("\n")
            sys.stdout.flush()
        self._open_line = False

    def _end_reasoning(self, gap: str) -> None:
        if self._in_reasoning and self._console is not None:
            self._console.print(gap, end="")
        self._in_reasoning = False
