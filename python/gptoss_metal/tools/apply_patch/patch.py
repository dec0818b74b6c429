"""The patch format: text to the changes it asks for.

Source of the format: openai/gpt-oss, ``gpt_oss/tools/apply_patch.md``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gptoss_metal.errors import Error
from gptoss_metal.harmony.vocabulary import well_formed

BEGIN: Final = "*** Begin Patch"
END: Final = "*** End Patch"
ADD: Final = "*** Add File: "
DELETE: Final = "*** Delete File: "
UPDATE: Final = "*** Update File: "
MOVE: Final = "*** Move to: "
END_OF_FILE: Final = "*** End of File"
_OPERATIONS: Final = (ADD, DELETE, UPDATE)
_POSITION: Final = re.compile(r"\s*-\d+(,\d+)? \+\d+(,\d+)?( @@|$)")
"""Line numbers of other patch formats, which models write by habit; they say nothing here."""


class PatchError(Error):
    """A patch that cannot be read or applied; nothing has changed. The model may try again."""


@dataclass(frozen=True)
class Line:
    """A line of a hunk: its kind (``" "`` kept, ``-`` removed, ``+`` added), and its text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Hunk:
    """A change at one place of a file.

    Attributes:
        headers: lines above the place, outermost first; they narrow down where to look.
        lines: in order.
        at_end: whether it ends the file.
    """

    headers: tuple[str, ...]
    lines: tuple[Line, ...]
    at_end: bool = False

    @property
    def old(self) -> list[str]:
        """The lines that must be there: kept and removed."""
        return [line.text for line in self.lines if line.kind != "+"]


@dataclass(frozen=True)
class AddFile:
    """Makes a file of lines; each ends with a line feed."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class DeleteFile:
    """Removes a file."""

    path: str


@dataclass(frozen=True)
class UpdateFile:
    """Changes a file, moves it, or both.

    Attributes:
        path: of the file.
        hunks: in the order of their places.
        move_to: its new path, or None.
    """

    path: str
    hunks: tuple[Hunk, ...]
    move_to: str | None = None


Patch = tuple[AddFile | DeleteFile | UpdateFile, ...]


def read_patch(text: str) -> Patch:
    """Reads a patch.

    Raises:
        PatchError: it is none; the message names the line at fault.
    """
    lines = [line.removesuffix("\r") for line in well_formed(text).strip("\r\n\t ").split("\n")]
    if lines[0].rstrip() != BEGIN:
        raise PatchError(f"[apply_patch] the first line is not {BEGIN!r}. Try: begin with it.")
    if lines[-1].rstrip() != END or len(lines) < 2:
        raise PatchError(f"[apply_patch] the last line is not {END!r}. Try: end with it.")
    return _Reader(lines[1:-1]).patch()


class _Reader:
    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._at = 0

    def patch(self) -> Patch:
        found: list[AddFile | DeleteFile | UpdateFile] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.startswith(ADD):
                found.append(self._add(self._path(ADD)))
            elif line.startswith(DELETE):
                found.append(DeleteFile(self._path(DELETE)))
                self._skip_blank()
            elif line.startswith(UPDATE):
                found.append(self._update(self._path(UPDATE)))
            else:
                self._fail("is no file operation", f"{ADD.strip()!r}, {UPDATE.strip()!r} or so")
        if not found:
            raise PatchError(f"[apply_patch] the patch is empty. Try: {ADD}notes.txt")
        return tuple(found)

    def _path(self, prefix: str) -> str:
        path = self._lines[self._at][len(prefix) :].strip()
        if not path:
            self._fail("names no file", f"{prefix}notes.txt")
        self._at += 1
        return path

    def _add(self, path: str) -> AddFile:
        lines = []
        while (line := self._peek()) is not None and not line.startswith(_OPERATIONS):
            if not line.startswith("+"):
                if not line.strip():
                    self._skip_blank()
                    continue
                self._fail(f"of the new file {path} has no leading '+'", "'+' before each line")
            lines.append(line[1:])
            self._at += 1
        return AddFile(path, tuple(lines))

    def _update(self, path: str) -> UpdateFile:
        move_to = None
        if (self._peek() or "").startswith(MOVE):
            move_to = self._path(MOVE)
        hunks: list[Hunk] = []
        while (line := self._peek()) is not None and not line.startswith(_OPERATIONS):
            if not line.strip() and self._blank_until_operation():
                self._skip_blank()
            elif hunks and not line.startswith("@@"):
                self._fail("follows the end of the file", "'@@' before the next hunk")
            else:
                hunks.append(self._hunk())
        if not hunks and move_to is None:
            raise PatchError(f"[apply_patch] {path} has no hunk. Try: '@@' and lines to change.")
        return UpdateFile(path, tuple(hunks), move_to)

    def _hunk(self) -> Hunk:
        headers: list[str] = []
        while (line := self._peek()) is not None and line.startswith("@@"):
            header = _POSITION.sub("", line[2:]).strip().removesuffix("@@").rstrip()
            headers += [header] if header else []
            self._at += 1
        lines: list[Line] = []
        while (line := self._peek()) is not None and not line.startswith(("@@", "***")):
            if line[:1] not in ("", " ", "-", "+"):
                self._fail("has no leading ' ', '-' or '+'", "one of them before each line")
            lines.append(Line(line[:1] or " ", line[1:]))
            self._at += 1
        at_end = line is not None and line.rstrip() == END_OF_FILE
        if at_end:
            self._at += 1
        elif line is not None and line.startswith("***") and not line.startswith(_OPERATIONS):
            self._fail("is no line of a hunk", "' ', '-' or '+' before each line")
        while lines and not at_end and lines[-1] == Line(" ", ""):
            lines.pop()  # perhaps an empty line between two sections, and never needed
        if not lines:
            self._fail("ends a hunk without lines", "' ', '-' or '+' before each line")
        return Hunk(tuple(headers), tuple(lines), at_end)

    def _peek(self) -> str | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def _skip_blank(self) -> None:
        while (line := self._peek()) is not None and not line.strip():
            self._at += 1

    def _blank_until_operation(self) -> bool:
        rest = (line for line in self._lines[self._at :] if line.strip())
        return next(rest, ADD).startswith(_OPERATIONS)

    def _fail(self, what: str, remedy: str) -> None:
        line = self._lines[self._at] if self._at < len(self._lines) else END
        number = self._at + 2
        raise PatchError(f"[apply_patch] line {number} ({line[:80]!r}) {what}. Try: {remedy}.")
