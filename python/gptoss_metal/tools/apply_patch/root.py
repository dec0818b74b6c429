"""The folder a patch may change: nothing it names can lie anywhere else.

Paths are walked component by component with open folders, and no link is followed, so that a
link put there in the meantime leads nowhere either.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gptoss_metal.tools.apply_patch.patch import PatchError

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DRAFT: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_BYTES: Final = 16 << 20
NEW_FILE_MODE: Final = 0o666


@dataclass(frozen=True)
class Place:
    """A name in an open folder.

    Attributes:
        folder: descriptor of the folder, open as long as its `Root` is.
        name: in it.
        path: from the root, for messages.
    """

    folder: int
    name: str
    path: str

    def status(self) -> os.stat_result | None:
        """What is there, links not followed; None if nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def beside(self, purpose: str) -> Place:
        """A new name in the same folder, for a file that is moved here or away."""
        name = f".apply_patch-{secrets.token_hex(8)}.{purpose}"
        return Place(self.folder, name, self.path)

    def read(self) -> tuple[bytes, os.stat_result]:
        """The file's bytes and status.

        Raises:
            PatchError: it is missing, no ordinary file, too large, or cannot be read.
        """
        try:
            handle = os.open(self.name, _READ, dir_fd=self.folder)
        except OSError as problem:
            raise PatchError(refusal(self.path, problem)) from None
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            raise PatchError(f"[apply_patch] {self.path} is no file. Try: another path.")
        with os.fdopen(handle, "rb") as file:
            if status.st_size > MOST_BYTES:
                raise PatchError(
                    f"[apply_patch] {self.path} has {status.st_size} bytes, and {MOST_BYTES} are "
                    "the most. Try: another way to edit it."
                )
            return file.read(), status

    def write(self, data: bytes, mode: int | None) -> None:
        """Makes a new file; `mode` None gives it the rights new files have.

        Raises:
            OSError: it exists, or cannot be written.
        """
        handle = os.open(self.name, _DRAFT, NEW_FILE_MODE, dir_fd=self.folder)
        with os.fdopen(handle, "wb") as file:
            if mode is not None:
                os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            os.fsync(handle)

    def link(self, to: Place) -> None:
        """Gives the file a second name, which must be free."""
        os.link(
            self.name, to.name, src_dir_fd=self.folder, dst_dir_fd=to.folder, follow_symlinks=False
        )

    def rename(self, to: Place) -> None:
        """Moves the file; what was there is replaced."""
        os.rename(self.name, to.name, src_dir_fd=self.folder, dst_dir_fd=to.folder)

    def remove(self) -> None:
        """Removes the file."""
        os.unlink(self.name, dir_fd=self.folder)


class Root:
    """A folder, open to be changed.

    Args:
        path: of the folder; itself it may be reached through links.

    Raises:
        PatchError: there is no such folder.
    """

    def __init__(self, path: Path) -> None:
        self._stack = contextlib.ExitStack()
        self._made: list[Place] = []
        self._open: dict[tuple[str, ...], int] = {}
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as problem:
            raise PatchError(
                f"[apply_patch] the root {path}: {problem.strerror}. Try: --root FOLDER."
            ) from None
        self._keep((), handle)

    def __enter__(self) -> Root:
        """Closes its folders at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes its folders."""
        self._stack.close()

    def place(self, path: str) -> Place | None:
        """The place a patch means by a path; None if a folder on the way is missing.

        Raises:
            PatchError: the path leaves the root, or goes through a link.
        """
        return self._walk(_parts(path), path, make=False)

    def make(self, path: str) -> Place:
        """`place`, but missing folders are made; see `remove_made`.

        Raises:
            PatchError: the path leaves the root, goes through a link, or cannot be made.
        """
        place = self._walk(_parts(path), path, make=True)
        assert place is not None
        return place

    def remove_made(self) -> None:
        """Removes the folders that `place` made, innermost first, unless something is in them."""
        for place in reversed(self._made):
            with contextlib.suppress(OSError):
                os.rmdir(place.name, dir_fd=place.folder)
        self._made.clear()

    def _walk(self, parts: tuple[str, ...], path: str, *, make: bool) -> Place | None:
        for depth in range(1, len(parts)):
            way = parts[:depth]
            if way in self._open:
                continue
            step = Place(self._open[way[:-1]], way[-1], path)
            try:
                handle = os.open(step.name, _FOLDER, dir_fd=step.folder)
            except FileNotFoundError:
                if not make:
                    return None
                handle = self._make(step)
            except OSError as problem:
                raise PatchError(refusal(path, problem, "/".join(way))) from None
            self._keep(way, handle)
        return Place(self._open[parts[:-1]], parts[-1], path)

    def _make(self, place: Place) -> int:
        try:
            os.mkdir(place.name, dir_fd=place.folder)
            self._made.append(place)
            return os.open(place.name, _FOLDER, dir_fd=place.folder)
        except OSError as problem:
            raise PatchError(refusal(place.path, problem)) from None

    def _keep(self, parts: tuple[str, ...], handle: int) -> None:
        self._stack.callback(os.close, handle)
        self._open[parts] = handle


def folded(path: str) -> tuple[str, ...]:
    """A path as file systems see it that know no case; two that agree may be one file."""
    return tuple(unicodedata.normalize("NFC", part).casefold() for part in _parts(path))


def refusal(path: str, problem: OSError, folder: str = "") -> str:
    """Says why a path cannot be used; `folder` is the part of it at fault."""
    if problem.errno in (errno.ELOOP, errno.EMLINK):
        return f"[apply_patch] {path} is a link. Try: the file itself, if it is below the root."
    if problem.errno == errno.ENOTDIR and folder:
        return f"[apply_patch] {path}: {folder} is a link or no folder. Try: another path."
    if problem.errno == errno.ENOENT:
        return f"[apply_patch] there is no file {path}. Try: a path that exists, or Add File."
    return f"[apply_patch] {path}: {problem.strerror}. Try: another path."


def _parts(path: str) -> tuple[str, ...]:
    def refuse(what: str) -> PatchError:
        return PatchError(f"[apply_patch] the path {path!r} {what}. Try: a path below the root.")

    if path.startswith(("/", "~", "\\")) or path[1:2] == ":":
        raise refuse("is not relative")
    if any(ord(character) < 32 or character == "\x7f" for character in path):
        raise refuse("has control characters")
    if path.endswith("/"):
        raise refuse("names a folder")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts or not parts:
        raise refuse("leaves the root")
    if any(part.casefold() == ".git" for part in parts):
        raise refuse("is git's own, which could run programs")
    return parts
