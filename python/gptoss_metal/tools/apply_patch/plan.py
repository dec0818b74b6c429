"""A patch made ready for a folder, and done: wholly, or not at all."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gptoss_metal.tools.apply_patch.commit import Step, commit
from gptoss_metal.tools.apply_patch.content import Content
from gptoss_metal.tools.apply_patch.matching import apply_hunks
from gptoss_metal.tools.apply_patch.patch import (
    AddFile,
    DeleteFile,
    Patch,
    PatchError,
    UpdateFile,
    read_patch,
)
from gptoss_metal.tools.apply_patch.root import Root, folded


@dataclass(frozen=True)
class Change:
    """What happens to one file.

    Attributes:
        kind: ``A`` added, ``M`` modified, ``D`` deleted, ``R`` moved (and perhaps modified).
        path: of the file.
        before: its bytes, or None if it is new.
        after: its bytes, or None if it is deleted.
        moved_to: its new path, or None.
    """

    kind: Literal["A", "M", "D", "R"]
    path: str
    before: bytes | None
    after: bytes | None
    moved_to: str | None = None

    def __str__(self) -> str:
        """As in ``git status --short``."""
        return f"{self.kind} {self.path}" + (f" -> {self.moved_to}" if self.moved_to else "")


@dataclass(frozen=True)
class Plan:
    """A patch that fits its folder: what it would do, before it is done."""

    root: Path
    patch: Patch
    changes: tuple[Change, ...]

    def apply(self) -> str:
        """Does it, all or nothing.

        Returns:
            What the model reads.

        Raises:
            PatchError: files have changed since the plan was made, or cannot be written; nothing
                has changed then.
        """
        with Root(self.root) as root:
            steps, changes = _prepare(root, self.patch)
            if changes != self.changes:
                root.remove_made()
                raise PatchError(
                    "[apply_patch] files have changed in the meantime. Try: read them again."
                )
            commit(root, steps)
        return "\n".join(["Done!", *map(str, changes)])


def plan(text: str, root: Path) -> Plan:
    """Reads a patch and matches it with the files of a folder, changing nothing.

    Args:
        text: of the patch.
        root: the folder.

    Raises:
        PatchError: the patch cannot be read, does not fit, or names a file outside.
    """
    patch = read_patch(text)
    with Root(root) as opened:
        _, changes = _prepare(opened, patch, dry=True)
    return Plan(root, patch, changes)


def _prepare(
    root: Root, patch: Patch, *, dry: bool = False
) -> tuple[list[Step], tuple[Change, ...]]:
    _check_once(patch)
    prepare = _Preparation(root, dry)
    try:
        changes = tuple(prepare.change(operation) for operation in patch)
    except BaseException:
        root.remove_made()
        raise
    return prepare.steps, changes


def _check_once(patch: Patch) -> None:
    """No file twice: also not as two names that some file systems hold for one."""
    seen: dict[tuple[str, ...], str] = {}
    for operation in patch:
        paths = [operation.path]
        moved = operation.move_to if isinstance(operation, UpdateFile) else None
        if moved is not None and folded(moved) != folded(operation.path):
            paths.append(moved)
        for path in paths:
            earlier = seen.setdefault(folded(path), path)
            if earlier is not path:
                raise PatchError(
                    f"[apply_patch] {path} is changed twice ({earlier}). "
                    "Try: one operation per file, with several hunks."
                )


class _Preparation:
    def __init__(self, root: Root, dry: bool) -> None:
        self._root = root
        self._dry = dry
        self.steps: list[Step] = []

    def change(self, operation: AddFile | DeleteFile | UpdateFile) -> Change:
        """Reads what an operation needs and notes its steps."""
        path = operation.path
        if isinstance(operation, AddFile):
            data = "".join(line + "\n" for line in operation.lines).encode()
            self._new_file(path, data, None)
            return Change("A", path, None, data)
        place = self._root.place(path)
        if place is None:
            raise PatchError(f"[apply_patch] there is no file {path}. Try: a path that exists.")
        before, status = place.read()
        if isinstance(operation, DeleteFile):
            self.steps.append(Step(place, status, None, None))
            return Change("D", path, before, None)
        after = _updated(before, operation)
        mode = stat.S_IMODE(status.st_mode)
        if operation.move_to is None:
            self.steps.append(Step(place, status, after, mode))
            return Change("M", path, before, after)
        # The old name goes first: it may be the new one, but for its case.
        self.steps.append(Step(place, status, None, None))
        self._new_file(operation.move_to, after, mode, status)
        return Change("R", path, before, after, operation.move_to)

    def _new_file(
        self, path: str, data: bytes, mode: int | None, moved: os.stat_result | None = None
    ) -> None:
        """Notes a file to be made where none is, except perhaps the `moved` one itself."""
        place = self._root.place(path) if self._dry else self._root.make(path)
        there = None if place is None else place.status()
        if there is not None and not (moved is not None and os.path.samestat(there, moved)):
            raise PatchError(
                f"[apply_patch] {path} exists already. Try: Update File, or another path."
            )
        if place is not None:
            self.steps.append(Step(place, None, data, mode))


def _updated(before: bytes, operation: UpdateFile) -> bytes:
    try:
        content = Content.read(before)
    except UnicodeDecodeError:
        raise PatchError(
            f"[apply_patch] {operation.path} is not UTF-8 text. Try: another way to edit it."
        ) from None
    return apply_hunks(content, operation.hunks, operation.path).data()
