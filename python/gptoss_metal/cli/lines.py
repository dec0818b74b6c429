"""Where the chat's input comes from: a terminal with history, or a pipe."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Final, Protocol

from gptoss_metal.store import home

QUOTES: Final = '"""'
HISTORY_LINES: Final = 1000


class Lines(Protocol):
    """A source of lines."""

    def read(self, prompt: str) -> str | None:
        """The next line without its end; None at the end of input."""

    def close(self) -> None:
        """Saves what is worth saving."""


class PipedLines:
    """Lines of stdin, with no prompt."""

    def read(self, prompt: str) -> str | None:
        """The next line; None at the end."""
        line = sys.stdin.readline()
        return line.removesuffix("\n") if line else None

    def close(self) -> None:
        """Nothing to save."""


class TerminalLines:
    """Lines typed at a prompt, edited with readline, kept in ``chat_history`` of the home."""

    def __init__(self) -> None:
        self._path: Path = home() / "chat_history"
        with contextlib.suppress(ImportError, OSError):
            import readline

            readline.set_history_length(HISTORY_LINES)
            readline.read_history_file(self._path)

    def read(self, prompt: str) -> str | None:
        """The next line; None after Ctrl-D."""
        try:
            return input(prompt)
        except EOFError:
            return None

    def close(self) -> None:
        """Saves the history, if the home can be written."""
        with contextlib.suppress(ImportError, OSError):
            import readline

            self._path.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(self._path)


def read_message(lines: Lines, prompt: str) -> str | None:
    r"""One message: a line, several joined by ``\`` at their ends, or a block in triple quotes.

    Returns:
        The message, or None at the end of input.
    """
    line = lines.read(prompt)
    if line is None:
        return None
    if line.lstrip().startswith(QUOTES):
        return _quoted(lines, line.lstrip().removeprefix(QUOTES))
    parts = []
    while line is not None and line.endswith("\\"):
        parts.append(line[:-1])
        line = lines.read("… ")
    return "\n".join([*parts, *([line] if line is not None else [])])


def _quoted(lines: Lines, first: str) -> str:
    parts = []
    line: str | None = first
    while line is not None:
        body, closing, _ = line.partition(QUOTES)
        parts.append(body)
        if closing:
            break
        line = lines.read("… ")
    return "\n".join(parts).strip("\n")


def agrees(lines: Lines, question: str) -> bool:
    """Whether the user answers a question with yes; Ctrl-C and the end of input are no."""
    try:
        answer = lines.read(question)
    except KeyboardInterrupt:
        return False
    return (answer or "").strip().lower() in ("y", "yes")
