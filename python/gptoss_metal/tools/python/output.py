"""What a call printed and returned, in the form the model reads, and never too much of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

NOTHING: Final = "[WARN] No output available. Use print() to output anything to stdout."
_ANSI: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")


class Output:
    """Collects the messages of one call.

    Args:
        most: characters to keep; of more, the first and the last half.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._head = ""
        self._tail = ""
        self._dropped = 0
        self.failed = False
        """Whether the code raised an exception, or the kernel ended."""
        self.begun = False
        """Whether the kernel took the code up at all."""

    def message(self, kind: str, content: Mapping[str, Any]) -> None:
        """Takes a message of the kernel's; others than output are ignored."""
        if kind == "stream":
            self._add(str(content.get("text", "")))
        elif kind in ("execute_result", "display_data"):
            data = content.get("data")
            text = data.get("text/plain") if isinstance(data, Mapping) else None
            if isinstance(text, str):
                self._line(text)
        elif kind == "error":
            self.failed = True
            trace = content.get("traceback")
            lines = [str(line) for line in trace] if isinstance(trace, list) else []
            name, value = content.get("ename", "Error"), content.get("evalue", "")
            self._line("\n".join(lines) or f"{name}: {value}")

    def note(self, text: str) -> None:
        """Adds a line of ours; it is never cut."""
        self.failed = True
        self._tail = self._tail[-self._most // 2 :]
        self._line(text)

    @property
    def text(self) -> str:
        """The whole, without escape sequences."""
        middle = f"\n… ({self._dropped} characters left out) …\n" if self._dropped else ""
        return (self._head + middle + self._tail).strip("\n") or NOTHING

    def _line(self, text: str) -> None:
        so_far = self._tail or self._head
        self._add(("\n" if so_far and not so_far.endswith("\n") else "") + text + "\n")

    def _add(self, text: str) -> None:
        text = _ANSI.sub("", text)
        room = self._most // 2
        if not self._tail and not self._dropped:
            free = room - len(self._head)
            self._head, text = self._head + text[:free], text[free:]
        self._tail += text
        if len(self._tail) > room:
            self._dropped += len(self._tail) - room
            self._tail = self._tail[-room:]
