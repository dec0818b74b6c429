"""Safetensors files as a source: headers read and checked first, tensors read in slices later.

Format: https://github.com/huggingface/safetensors (README). The headers are read here rather than
by the library because BF16 has no NumPy type, and because an error must name file and tensor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .failure import failure, os_failure

SLICE_BYTES: Final = 8 << 20  # of a source tensor; every temporary is a small multiple of it
MAX_HEADER_BYTES: Final = 100_000_000  # the format's own limit
AGAIN: Final = "download the file again, it is damaged or incomplete"
ITEM_BITS: Final[dict[str, int]] = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
READ_AS: Final[dict[str, type[np.generic]]] = {
    "U8": np.uint8, "BF16": np.uint16, "F16": np.float16, "F32": np.float32,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One tensor of a safetensors file; ``offset`` counts bytes from the start of the file."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int

    def __str__(self) -> str:
        """Return "file: tensor", the way an error names it."""
        return f"{self.path.name}: tensor {self.name!r}"

    def slices(self) -> Iterator[NDArray[Any]]:
        """Yield the tensor, flattened, in slices of at most 8 MiB; BF16 comes as uint16 bits.

        Raises:
            Error: the file became unreadable or shorter than its header says.
        """
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.offset)
                for start in range(0, self.size, SLICE_BYTES):
                    yield self._slice(file, min(SLICE_BYTES, self.size - start))
        except OSError as error:
            raise os_failure(f"cannot read {self.path}", error, AGAIN) from error

    def _slice(self, file: Any, size: int) -> NDArray[Any]:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            count = file.readinto(view)
            if not count:
                raise failure(f"{self} ends too early", AGAIN)
            view = view[count:]
        return np.frombuffer(buffer, READ_AS[self.dtype])


@dataclass(frozen=True)
class SafetensorsFile:
    """The header of one safetensors file: its tensors by name and its metadata."""

    path: Path
    size: int
    data_start: int
    entries: dict[str, Entry]
    metadata: dict[str, str]


def read_header(path: Path) -> SafetensorsFile:
    """Read and check the header of a safetensors file.

    Raises:
        Error: no such file, not a safetensors file, truncated, overlapping or with holes.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if start.startswith(b"version "):
                raise failure(f"{path} is a Git LFS pointer, not the file", "git lfs pull")
            if len(start) < 8 or length > min(size - 8, MAX_HEADER_BYTES):
                raise failure(f"{path} is truncated or not a safetensors file", AGAIN)
            text = file.read(length)
    except OSError as error:
        raise os_failure(f"cannot read {path}", error, "check the path and its rights") from error
    try:
        header = json.loads(text, object_pairs_hook=_unique)
        metadata = header.pop("__metadata__", {})
        entries = {name: _entry(path, name, at, 8 + length) for name, at in header.items()}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("metadata that is not text")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise failure(f"{path} has a damaged header ({error})", AGAIN) from error
    _check_extent(path, size, 8 + length, entries.values())
    return SafetensorsFile(path, size, 8 + length, entries, metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name occurs twice")
    return values


def _entry(path: Path, name: str, at: dict[str, Any], data_start: int) -> Entry:
    shape = tuple(at["shape"])
    begin, end = at["data_offsets"]
    if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise ValueError(f"shape or offsets of {name!r} are not whole numbers")
    bits = math.prod(shape) * ITEM_BITS[at["dtype"]]
    if bits % 8 or bits // 8 != end - begin:
        raise ValueError(f"offsets of {name!r} do not fit its shape")
    return Entry(path, name, at["dtype"], shape, data_start + begin, end - begin)


def _check_extent(path: Path, size: int, start: int, entries: Iterable[Entry]) -> None:
    position = start
    for entry in sorted(entries, key=lambda entry: (entry.offset, entry.size)):
        if entry.offset != position:
            raise failure(f"{entry} overlaps another or follows a hole", AGAIN)
        position += entry.size
        if position > size:
            raise failure(
                f"{path} is truncated: it has {size} bytes, and tensor {entry.name!r} ends at "
                f"{position}",
                AGAIN,
            )
    if position != size:
        raise failure(f"{path} has {size - position} bytes after its last tensor", AGAIN)
