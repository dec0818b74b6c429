"""Model files read back: ``describe`` tells what one holds, ``verify`` whether it is sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gptoss_metal.config import Config

from .checkpoint import SafetensorsFile, read_header
from .config import as_json, config_from_json
from .failure import failure, os_failure
from .layout import FORMAT, FORMAT_VERSION, PAGE, VOCABULARY, Layout, plan
from .writer import hash_slot

AGAIN = "convert the model again"


def verify(path: str | Path, progress: Callable[[int, int], object] | None = None) -> int:
    """Check a whole model file: its structure, and every tensor's bytes against its checksum.

    Args:
        path: the model file.
        progress: called as ``progress(done, total)`` in bytes.

    Returns:
        How many bytes of tensors were checked.

    Raises:
        Error: the file is damaged; the message names the damaged tensors.
    """
    path = Path(path)
    file, layout = open_model_file(path)
    checksums = _object(file, "checksums")
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, layout.data_bytes)

    damaged = []
    try:
        with path.open("rb") as data:
            for slot in layout.slots:
                if slot.is_pad:
                    data.seek(file.data_start + slot.offset)
                    if any(data.read(slot.size)):
                        damaged.append(slot.name)
                    advance(slot.size)
                elif hash_slot(data, file.data_start, slot, advance) != checksums.get(slot.name):
                    damaged.append(slot.name)
    except OSError as error:
        raise os_failure(f"cannot read {path}", error, "check the disk") from error
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise failure(f"{path}: tensor {damaged[0]!r}{more} is damaged", AGAIN)
    return layout.data_bytes


def describe(path: str | Path) -> dict[str, Any]:
    """Return what a model file holds, from its header alone.

    Returns:
        A JSON-ready dict: ``path``, ``file_bytes``, ``format_version``, ``config``, ``source``,
        ``parameters`` (weights of the model, scales and paddings not counted), ``vocabulary``
        (whether it carries one), ``bytes_by_dtype`` and ``bytes_by_group`` (tokenizer, embedding,
        attention, router, experts, norms, unembedding, padding; sums of data bytes), and
        ``tensors``: dicts of name, dtype, shape, offset (in the file), bytes and sha256, in file
        order, paddings included (their sha256 is null).

    Raises:
        Error: no such file, or not a sound model file.
    """
    path = Path(path)
    file, layout = open_model_file(path)
    checksums = _object(file, "checksums")
    by_dtype: dict[str, int] = {}
    by_group: dict[str, int] = {}
    tensors = []
    for slot in layout.slots:
        group = group_of(slot.name)
        by_dtype[slot.dtype] = by_dtype.get(slot.dtype, 0) + slot.size
        by_group[group] = by_group.get(group, 0) + slot.size
        tensors.append(
            {
                "name": slot.name,
                "dtype": slot.dtype,
                "shape": list(slot.shape),
                "offset": file.data_start + slot.offset,
                "bytes": slot.size,
                "sha256": checksums.get(slot.name),
            }
        )
    return {
        "path": str(path),
        "file_bytes": file.size,
        "format_version": FORMAT_VERSION,
        "config": as_json(layout.config),
        "source": _object(file, "source"),
        "parameters": layout.parameters,
        "vocabulary": layout.by_name[VOCABULARY].size > 0,
        "bytes_by_dtype": by_dtype,
        "bytes_by_group": by_group,
        "tensors": tensors,
    }


def open_model_file(path: Path) -> tuple[SafetensorsFile, Layout]:
    """Read a model file's header and check every tensor against the plan its config implies.

    Raises:
        Error: not a model file, of another version, or not laid out by the specification.
    """
    file = read_header(path)
    if file.metadata.get("format") != FORMAT:
        raise failure(
            f"{path} is not a gptoss-metal model file", "gptoss-metal convert, which makes one"
        )
    version = file.metadata.get("format_version")
    if version != FORMAT_VERSION:
        raise failure(
            f"{path} has format version {version!r}, and this program reads {FORMAT_VERSION!r}",
            "another version of gptoss-metal, or convert the model again",
        )
    layout = plan(_config(file), _vocabulary_bytes(file))
    _check_slots(file, layout)
    checksums = _object(file, "checksums")
    if set(checksums) != {slot.name for slot in layout.tensors}:
        raise failure(f"{path}: its checksums are not those of its tensors", AGAIN)
    return file, layout


def group_of(name: str) -> str:
    """Return the part of the model a tensor belongs to, as ``describe`` counts them."""
    last = name.removeprefix("layers.").lstrip("0123456789").lstrip(".")
    for group, starts in {
        "tokenizer": ("tokenizer",),
        "embedding": ("embedding",),
        "unembedding": ("unembedding",),
        "attention": ("qkv", "sinks", "out"),
        "router": ("router",),
        "experts": ("gate_up", "down"),
        "norms": ("attn_norm", "mlp_norm", "final_norm"),
    }.items():
        if last.startswith(starts):
            return group
    return "padding"


def _config(file: SafetensorsFile) -> Config:
    return config_from_json(_object(file, "config"), str(file.path))


def _vocabulary_bytes(file: SafetensorsFile) -> int:
    if VOCABULARY not in file.entries:
        raise failure(f"{file.path} has no tensor {VOCABULARY!r}", AGAIN)
    return file.entries[VOCABULARY].size


def _object(file: SafetensorsFile, key: str) -> dict[str, Any]:
    try:
        value = json.loads(file.metadata.get(key, ""))
    except ValueError as error:
        raise failure(f"{file.path}: metadata {key!r} is damaged ({error})", AGAIN) from error
    if not isinstance(value, dict):
        raise failure(f"{file.path}: metadata {key!r} is not an object", AGAIN)
    return value


def _check_slots(file: SafetensorsFile, layout: Layout) -> None:
    if file.data_start % PAGE:
        raise failure(f"{file.path}: its data starts at {file.data_start}, not on a page", AGAIN)
    for slot in layout.slots:
        entry = file.entries.get(slot.name)
        if entry is None:
            raise failure(f"{file.path} has no tensor {slot.name!r}", AGAIN)
        found = (entry.dtype, entry.shape, entry.offset - file.data_start)
        if found != (slot.dtype, slot.shape, slot.offset):
            raise failure(
                f"{entry} is {entry.dtype} {list(entry.shape)} at {found[2]}, but its config asks "
                f"for {slot.dtype} {list(slot.shape)} at {slot.offset}",
                AGAIN,
            )
    if len(file.entries) != len(layout.slots):
        extra = next(name for name in file.entries if name not in layout.by_name)
        raise failure(f"{file.path} has a tensor {extra!r} that its config does not know", AGAIN)
