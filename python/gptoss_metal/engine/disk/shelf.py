"""One model's prefixes on disk."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from gptoss_metal.engine.disk import record
from gptoss_metal.engine.disk.identity import Chain
from gptoss_metal.engine.disk.record import Damaged

Tokens = npt.NDArray[np.int32]
_COUNT: Final = struct.Struct("<I")
_LENGTH: Final = struct.Struct("<Q")
_TICK: Final = 1000  # nanoseconds between the times of a prefix's files


class Snapshot(Protocol):
    """A computed prefix that can be written; `_core.Prefix` is one."""

    @property
    def tokens(self) -> Tokens:
        """int32 [n]."""

    def page(self, index: int) -> bytes:
        """Keys and values at the positions of a page."""

    def window(self) -> bytes:
        """The window layers' state."""


@dataclass(frozen=True)
class Stored:
    """What was read: the arguments of `_core.Prefix.load`."""

    tokens: Tokens
    pages: list[bytes]
    window: bytes


class Shelf:
    """Saves and loads prefixes of one model.

    A prefix is one record with its tokens, the window layers' state and its last, partial page. Its
    full pages are records of their own, which all prefixes that begin with the same tokens share;
    so a conversation that grows writes only what is new. Modification times tell what was used
    when: a prefix is older than its pages and a page older than those before it, so deleting
    the oldest file first never takes a page from a prefix that stays.

    Args:
        folder: exists.
        identity: 32 bytes, of the model.
        page: positions of a page.
    """

    def __init__(self, folder: Path, identity: bytes, page: int) -> None:
        self._folder = folder
        self._identity = identity
        self._page = page

    def save(self, snapshot: Snapshot) -> str:
        """Writes what of a prefix is not there yet; afterwards it is complete.

        Returns:
            Its key, by which `DiskStore.trim` names what it deletes.

        Raises:
            OSError: the disk is full, or does not let us.
        """
        tokens = np.ascontiguousarray(snapshot.tokens, "<i4")
        chain = Chain(self._identity, tokens, self._page)
        for index, key in enumerate(chain.pages):
            if not record.path(self._folder, "page", key).exists():
                record.write(self._folder, "page", self._identity, key, snapshot.page(index))
        record.sync_folder(self._folder)  # a prefix is never there before its pages
        if not record.path(self._folder, "prefix", chain.prefix).exists():
            window = snapshot.window()
            partial = len(tokens) % self._page
            tail = snapshot.page(len(chain.pages)) if partial else b""
            head = _COUNT.pack(len(tokens)) + tokens.tobytes() + _LENGTH.pack(len(window))
            body = head + window + tail
            record.write(self._folder, "prefix", self._identity, chain.prefix, body)
            record.sync_folder(self._folder)
        self._touch(chain)
        return chain.prefix

    def load(self, tokens: Tokens) -> Stored | None:
        """Reads a prefix back; None if it is gone or damaged, and then its rest is deleted."""
        chain = Chain(self._identity, tokens, self._page)
        try:
            body = record.read(self._folder, "prefix", self._identity, chain.prefix)
            window, tail = _parts(body, tokens)
        except OSError:
            return None
        except Damaged:
            self._delete("prefix", chain.prefix)
            return None
        pages = []
        for key in chain.pages:
            try:
                pages.append(record.read(self._folder, "page", self._identity, key))
            except (OSError, Damaged):
                self._delete("page", key)
                self._delete("prefix", chain.prefix)
                return None
        if len(tokens) % self._page:
            pages.append(tail)
        self._touch(chain)
        return Stored(tokens, pages, window)

    def forget(self, tokens: Tokens) -> None:
        """Deletes a prefix and all its pages: the model would not take them."""
        chain = Chain(self._identity, tokens, self._page)
        self._delete("prefix", chain.prefix)
        for key in chain.pages:
            self._delete("page", key)

    def entries(self) -> Iterator[tuple[str, Tokens]]:
        """Key and tokens of every prefix, the one used longest ago first.

        Files that are no prefixes, or miss a page, are deleted. Only names, sizes and tokens are
        checked here; `load` checks every byte.
        """
        found = sorted(self._folder.glob("*.prefix"), key=_time)
        for path in found:
            try:
                tokens = self._tokens(path)
            except OSError:
                continue  # another server made room, or it is not ours to read
            except (Damaged, struct.error, ValueError):
                path.unlink(missing_ok=True)
                continue
            yield path.stem, tokens

    def _tokens(self, path: Path) -> Tokens:
        with open(path, "rb") as file:
            record.begin(file, "prefix", self._identity, path.stem)
            (count,) = _COUNT.unpack(file.read(_COUNT.size))
            if not 0 < count * 4 <= os.fstat(file.fileno()).st_size:
                raise Damaged
            tokens = np.frombuffer(file.read(count * 4), "<i4").astype(np.int32)
        chain = Chain(self._identity, tokens, self._page)
        pages = (record.path(self._folder, "page", key) for key in chain.pages)
        if chain.prefix != path.stem or not all(page.exists() for page in pages):
            raise Damaged
        return tokens

    def _touch(self, chain: Chain) -> None:
        now = time.time_ns()
        files = [record.path(self._folder, "prefix", chain.prefix)]
        files += [record.path(self._folder, "page", key) for key in reversed(chain.pages)]
        for number, path in enumerate(files):
            at = now + number * _TICK
            try:
                os.utime(path, ns=(at, at))
            except FileNotFoundError:
                continue  # another server made room

    def _delete(self, kind: record.Kind, key: str) -> None:
        record.path(self._folder, kind, key).unlink(missing_ok=True)


def _parts(body: bytes, tokens: Tokens) -> tuple[bytes, bytes]:
    """Window state and partial page of a prefix's record."""
    head = _COUNT.pack(len(tokens)) + np.ascontiguousarray(tokens, "<i4").tobytes()
    start = len(head) + _LENGTH.size
    if not body.startswith(head) or len(body) < start:
        raise Damaged
    (length,) = _LENGTH.unpack_from(body, len(head))
    if start + length > len(body):
        raise Damaged
    return body[start : start + length], body[start + length :]


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
