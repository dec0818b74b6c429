"""Where a hunk belongs in a file, and the file after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gptoss_metal.tools.apply_patch.content import Content
from gptoss_metal.tools.apply_patch.patch import Hunk, PatchError

_SHOWN_LINES: Final = 8


def _as_it_is(line: str) -> str:
    return line


_VIEWS: Final[tuple[Callable[[str], str], ...]] = (_as_it_is, str.rstrip, str.strip)
"""How lines are compared: exactly, then without trailing, then without any outer white space."""


def apply_hunks(content: Content, hunks: Sequence[Hunk], path: str) -> Content:
    """The content with every hunk applied.

    Args:
        content: before.
        hunks: in the order of their places; each is looked for behind the one before.
        path: of the file, for messages.

    Raises:
        PatchError: a hunk's lines are not there.
    """
    out = _Draft(content)
    at = 0
    for hunk in hunks:
        at = _place(content.lines, hunk, at, path)
        out.copy_until(at)
        shift = _indentation(content.lines[at : at + len(hunk.old)], hunk.old)
        for line in hunk.lines:
            if line.kind == " ":
                out.copy_until(at + 1)
            elif line.kind == "-":
                out.skip()
            else:
                out.add(shift(line.text))
            at += line.kind != "+"
    return out.finished()


class _Draft:
    """The content that is being made, out of the one before."""

    def __init__(self, before: Content) -> None:
        self._before = before
        self._lines: list[str] = []
        self._ends: list[str] = []
        self._taken = 0

    def copy_until(self, index: int) -> None:
        """Takes over the lines before `index` that are not yet copied or skipped."""
        self._lines += self._before.lines[self._taken : index]
        self._ends += self._before.ends[self._taken : index]
        self._taken = max(self._taken, index)

    def skip(self) -> None:
        """Leaves out the next line."""
        self._taken += 1

    def add(self, line: str) -> None:
        """Puts a new line in."""
        self._lines.append(line)
        self._ends.append(self._before.end)

    def finished(self) -> Content:
        """The whole; its last line ends, or does not, as before."""
        before = self._before
        self.copy_until(len(before.lines))
        ends = [end or before.end for end in self._ends]
        if ends and before.ends and not before.ends[-1]:
            ends[-1] = ""
        return Content(tuple(self._lines), tuple(ends), before.bom)


def _place(lines: Sequence[str], hunk: Hunk, start: int, path: str) -> int:
    """The index of the hunk's first old line."""
    found_all = True
    for header in hunk.headers:
        found = _find(lines, [header], start, _VIEWS)
        found_all = found_all and found is not None
        start = start if found is None else found + 1
    old = hunk.old
    if not old:
        return _place_without_context(lines, hunk, start, found_all, path)
    if hunk.at_end and len(lines) - len(old) >= start:
        last = _find(lines, old, len(lines) - len(old), _VIEWS)
        if last is not None:
            return last
    place = _find(lines, old, start, _VIEWS)
    if place is None:
        before = _find(lines, old, 0, _VIEWS)
        raise PatchError(_not_found(path, old, start, before))
    return place


def _place_without_context(
    lines: Sequence[str], hunk: Hunk, start: int, found: bool, path: str
) -> int:
    if not lines or hunk.at_end:
        return len(lines)
    if hunk.headers and found:
        return start
    where = f"below {hunk.headers[-1]!r}, which {path} has not" if hunk.headers else "nowhere"
    raise PatchError(
        f"[apply_patch] {path}: a hunk adds lines {where}. "
        "Try: lines of context before and after them, or *** End of File behind them."
    )


def _find(
    lines: Sequence[str], wanted: Sequence[str], start: int, views: Sequence[Callable[[str], str]]
) -> int | None:
    for view in views:
        seen, sought = [view(line) for line in lines], [view(line) for line in wanted]
        for index in range(start, len(seen) - len(sought) + 1):
            if seen[index] == sought[0] and seen[index : index + len(sought)] == sought:
                return index
    return None


def _not_found(path: str, old: Sequence[str], start: int, before: int | None) -> str:
    shown = "\n".join(old[:_SHOWN_LINES])
    rest = f"\n… ({len(old) - _SHOWN_LINES} more)" if len(old) > _SHOWN_LINES else ""
    where = "" if start == 0 else f" below line {start}"
    remedy = (
        "lines as they are in the file now"
        if before is None
        else f"the hunks in the order of the file: these lines stand at line {before + 1}"
    )
    return f"[apply_patch] {path} has not these lines{where}. Try: {remedy}.\n{shown}{rest}"


def _indentation(actual: Sequence[str], old: Sequence[str]) -> Callable[[str], str]:
    """How to indent new lines where the old ones matched but for one and the same indentation."""
    shifts = {
        _Shift.of(_indent(there), _indent(said))
        for there, said in zip(actual, old, strict=True)
        if there.strip()
    }
    return shifts.pop().apply if len(shifts) == 1 else _as_it_is


@dataclass(frozen=True)
class _Shift:
    """What the file's lines begin with where the patch's begin with something else."""

    there: str
    said: str

    @classmethod
    def of(cls, there: str, said: str) -> _Shift:
        """The difference of two indentations, without what they share at their ends."""
        while there and said and there[-1] == said[-1]:
            there, said = there[:-1], said[:-1]
        return cls(there, said)

    def apply(self, line: str) -> str:
        """The line as the file would indent it."""
        if not line.strip() or not line.startswith(self.said):
            return line
        return self.there + line.removeprefix(self.said)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
