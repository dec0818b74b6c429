"""Several files changed at once: all of them, or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from gptoss_metal.tools.apply_patch.patch import PatchError
from gptoss_metal.tools.apply_patch.root import Place, Root, refusal


@dataclass(frozen=True)
class Step:
    """What happens at one place.

    Attributes:
        place: where.
        before: status of the file that is there; None if there must be none.
        data: its new bytes; None to remove it.
        mode: the new file's rights; None for those new files have.
    """

    place: Place
    before: os.stat_result | None
    data: bytes | None
    mode: int | None


def commit(root: Root, steps: Sequence[Step]) -> None:
    """Takes the steps.

    New bytes are first written beside their places; then names are changed, and changed back if
    one cannot be. A reader meets the old file or the new one, whole, at any time.

    Raises:
        PatchError: a file changed since its step was planned, or cannot be written; all is as it
            was.
    """
    work = _Commit()
    try:
        work.draft(steps)
        work.take(steps)
    except BaseException as problem:
        work.undo()
        root.remove_made()
        if isinstance(problem, OSError):
            raise PatchError(refusal(work.at, problem)) from None
        raise
    work.forget()


class _Commit:
    def __init__(self) -> None:
        self.at = ""
        self._drafts: list[Place | None] = []
        self._done: list[tuple[Place | None, Place]] = []  # (where the old file is, its place)

    def draft(self, steps: Sequence[Step]) -> None:
        """Writes the new bytes beside their places."""
        for step in steps:
            self.at = step.place.path
            draft = None if step.data is None else step.place.beside("new")
            self._drafts.append(draft)
            if draft is not None and step.data is not None:
                draft.write(step.data, step.mode)

    def take(self, steps: Sequence[Step]) -> None:
        """Changes the names."""
        for step, draft in zip(steps, self._drafts, strict=True):
            place = step.place
            self.at = place.path
            if step.before is None:
                assert draft is not None
                _link_or_rename(draft, place)
                self._done.append((None, place))
                continue
            now = place.status()
            if now is None or _changed(now, step.before):
                raise PatchError(f"[apply_patch] {self.at} has just changed. Try: read it again.")
            kept = place.beside("old")
            if draft is None:
                place.rename(kept)
            else:
                _link_or_rename(place, kept)
            self._done.append((kept, place))
            if draft is not None:
                draft.rename(place)

    def undo(self) -> None:
        """Puts every old file back; one that cannot be put back stays under its kept name."""
        lost = []
        for kept, place in reversed(self._done):
            try:
                if kept is None:
                    place.remove()
                else:
                    kept.rename(place)
                    self._remove([kept])  # renaming does nothing to two names of one file
            except OSError as problem:
                lost.append(f"{place.path} ({problem.strerror}): {kept.name if kept else 'new'}")
        self._remove(self._drafts)
        if lost:
            raise PatchError(
                f"[apply_patch] cannot undo {'; '.join(lost)}. Try: rename these files by hand."
            )

    def forget(self) -> None:
        """Removes the old files and what is left of the drafts."""
        self._remove([kept for kept, _ in self._done])
        self._remove(self._drafts)

    def _remove(self, places: Sequence[Place | None]) -> None:
        for place in places:
            if place is not None:
                with contextlib.suppress(OSError):  # a leftover is no reason to fail what is done
                    place.remove()


def _link_or_rename(place: Place, to: Place) -> None:
    """A second name for the file; where there are no links, a new one."""
    try:
        place.link(to)
    except FileExistsError:
        raise
    except OSError:
        place.rename(to)


def _changed(now: os.stat_result, before: os.stat_result) -> bool:
    def identity(status: os.stat_result) -> tuple[int, ...]:
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    return identity(now) != identity(before)
