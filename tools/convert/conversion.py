"""``convert``: a gpt-oss checkpoint becomes a model file."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from .checkpoint import Entry
from .config import with_dense
from .failure import failure
from .huggingface import open_huggingface
from .layout import VOCABULARY, Layout, plan
from .original import open_original
from .repository import download, repository_id
from .shards import read_json
from .source import Source, stored_chunks
from .vocabulary import find_vocabulary
from .writer import Chunks, Job, Progress, Writer, check_target

ALGORITHM: Final = "1"  # changes when the same checkpoint would give other bytes


def convert(
    source: str | Path,
    target: str | Path,
    dense: str = "q8",
    tokenizer: str | Path | None = None,
    progress: Progress | None = None,
    revision: str | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Convert a gpt-oss checkpoint into a model file (docs/MODEL_FILE.md) and return its path.

    Everything that can be known from headers and configs is checked before the first byte is
    written. Memory stays below about 200 MB whatever the model's size. An interrupted conversion
    leaves ``<target>.part`` and continues when it is called again with the same arguments.

    Args:
        source: a Hugging Face directory, an ``original/`` directory, or a repository id (also
            "gpt-oss-20b" and "gpt-oss-120b").
        target: the file to write; its folder must exist.
        dense: "q8" (int8 groups of 32 with a float16 scale) or "bf16" (as published).
        tokenizer: a tokenizer.json or o200k_base.tiktoken, instead of the checkpoint's own.
        progress: called as ``progress(done, total)`` in bytes; every byte counts twice, once
            written and once read back for verification.
        revision: branch, tag or commit of a repository id.
        overwrite: replace an existing target.

    Raises:
        Error: anything is wrong with source, target or disk. One line, with a remedy; an
            existing target is untouched, and no unfinished file is left.
    """
    target = Path(target).expanduser()
    check_target(target, overwrite)
    checkpoint, origin = _open(source, revision)
    check_target(target, overwrite, [file.path for file in checkpoint.files])
    config = with_dense(checkpoint.config, dense)
    vocabulary = find_vocabulary(
        [checkpoint.directory, checkpoint.directory.parent][: 1 + (checkpoint.kind == "original")],
        Path(tokenizer).expanduser() if tokenizer else None,
        config.vocab_size,
    )
    layout = plan(config, len(vocabulary))
    entries = checkpoint.match(layout)
    inputs = [ALGORITHM, hashlib.sha256(vocabulary).hexdigest(), checkpoint.fingerprint()]
    writer = Writer(
        target=target,
        layout=layout,
        source=origin | {"kind": checkpoint.kind, "dtype": checkpoint.dtype(entries)},
        inputs=" ".join(inputs),
        progress=progress,
    )
    return writer.write(_jobs(layout, entries, vocabulary))


def _open(source: str | Path, revision: str | None) -> tuple[Source, dict[str, str]]:
    """Return the checkpoint and where it came from."""
    directory = Path(source).expanduser()
    if directory.is_dir():
        path = os.fsencode(source).decode("utf-8", "replace")
        return open_directory(directory), {"path": path, "revision": revision or ""}
    repo = repository_id(source) if isinstance(source, str) else None
    if repo is None or directory.exists():
        what = "is a file" if directory.exists() else "does not exist"
        raise failure(f"{source} {what}", "the directory that holds the checkpoint's config.json")
    snapshot, commit = download(repo, revision)
    return open_directory(snapshot), {"repo": repo, "revision": commit}


def open_directory(directory: Path) -> Source:
    """Open a checkpoint directory of either layout.

    A published repository holds both; ``original/`` is taken only where Hugging Face's files are
    missing.

    Raises:
        Error: neither layout is found, or a header or config is wrong.
    """
    inner = directory / "original"
    has_model = any(directory.glob("model*.safetensors*"))
    if not has_model and (inner / "config.json").exists():
        directory = inner
    config = directory / "config.json"
    if not config.exists():
        raise failure(
            f"{directory} has no config.json", "the directory that holds the checkpoint's files"
        )
    values = read_json(config)
    if "model_type" not in values and "num_experts" in values:
        return open_original(directory)
    return open_huggingface(directory)


def _jobs(layout: Layout, entries: dict[str, list[Entry]], vocabulary: bytes) -> Iterator[Job]:
    dense = layout.config.dense
    for weight in layout.weights:
        names = tuple(name for name, _, _ in weight.stored(dense))
        if weight.name == VOCABULARY:
            yield Job(names, functools.partial(_one_chunk, np.frombuffer(vocabulary, np.uint8)))
        else:
            produce = functools.partial(stored_chunks, weight, entries[weight.name], dense)
            yield Job(names, produce)


def _one_chunk(data: Any) -> Chunks:
    yield VOCABULARY, data
