"""One file of the disk store: a header, and a body that must match it.

    0  8 bytes  ``gptossKV``
    8  u32      format version
   12  u32      kind
   16  32 bytes identity of the model
   48  32 bytes key, which is also the file's name
   80  u64      length of the body in bytes
   88  32 bytes sha256 of the body
  120  the body, to the end of the file

Numbers are little-endian. A file is written under a temporary name, synced and renamed; so a name
without ``.tmp`` is a whole file, whenever the writer was killed. And nothing is believed on the
strength of its name: `read` compares every byte of the header and the body's checksum.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import struct
from pathlib import Path
from typing import BinaryIO, Final, Literal

from gptoss_metal.engine.disk.identity import FORMAT

Kind = Literal["page", "prefix"]
KINDS: Final[tuple[Kind, ...]] = ("page", "prefix")
TEMPORARY: Final = ".tmp"
_MAGIC: Final = b"gptossKV"
_HEADER: Final = struct.Struct("<8sII32s32sQ32s")


class Damaged(Exception):
    """A file is not what its name says; it is to be deleted."""


def path(folder: Path, kind: Kind, key: str) -> Path:
    """Where a record of that key lies."""
    return folder / f"{key}.{kind}"


def write(folder: Path, kind: Kind, identity: bytes, key: str, body: bytes) -> int:
    """Writes a record, readable by its owner only; it appears whole or not at all.

    Returns:
        The file's size in bytes.

    Raises:
        OSError: the disk is full, or does not let us.
    """
    digest = hashlib.sha256(body).digest()
    header = _HEADER.pack(
        _MAGIC, FORMAT, KINDS.index(kind), identity, bytes.fromhex(key), len(body), digest
    )
    temporary = folder / (secrets.token_hex(16) + TEMPORARY)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # tells `sweep` that the writer lives
            _write_all(handle, header)
            _write_all(handle, body)
            os.fsync(handle)
            os.rename(temporary, path(folder, kind, key))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return len(header) + len(body)


def read(folder: Path, kind: Kind, identity: bytes, key: str) -> bytes:
    """The body of a record.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it is cut off, changed, or another model's.
    """
    with open(path(folder, kind, key), "rb") as file:
        digest = begin(file, kind, identity, key)
        body = file.read()
    if hashlib.sha256(body).digest() != digest:
        raise Damaged
    return body


def begin(file: BinaryIO, kind: Kind, identity: bytes, key: str) -> bytes:
    """Checks an open record's header and size, and leaves it at its body.

    Returns:
        The sha256 that its body must have.

    Raises:
        Damaged: it is cut off, or is not the record of that name.
    """
    header = file.read(_HEADER.size)
    length = os.fstat(file.fileno()).st_size - _HEADER.size
    if len(header) != _HEADER.size or len(key) != 64:
        raise Damaged
    *facts, digest = _HEADER.unpack(header)
    if facts != [_MAGIC, FORMAT, KINDS.index(kind), identity, bytes.fromhex(key), length]:
        raise Damaged
    return bytes(digest)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Deletes what writers that died left behind; files being written now stay."""
    for temporary in folder.glob("*" + TEMPORARY):
        try:
            with open(temporary, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                temporary.unlink()
        except (BlockingIOError, FileNotFoundError):
            continue  # its writer lives, or has just finished


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
