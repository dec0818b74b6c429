"""A checkpoint to convert: its config, its tensors, and which of them make up which weight."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gptoss_metal.config import Config

from .checkpoint import Entry, SafetensorsFile
from .failure import failure
from .layout import Layout, Weight
from .numbers import all_finite, quantize_q8, to_bf16, widen
from .shards import all_entries

FLOATS: Final = ("BF16", "F16", "F32")
COMPLETE: Final = "a complete gpt-oss checkpoint whose config.json belongs to its tensors"


@dataclass(frozen=True)
class Source:
    """A checkpoint whose headers were read; nothing of its data is in memory.

    ``names`` gives the source tensors of a weight, in the order of the rows they fill.
    """

    kind: str
    directory: Path
    config: Config
    files: list[SafetensorsFile]
    names: Callable[[str], tuple[str, ...]]

    def match(self, layout: Layout) -> dict[str, list[Entry]]:
        """Return each weight's source tensors after checking names, shapes and dtypes.

        The vocabulary is not among them.

        Raises:
            Error: a tensor is missing, superfluous, or of a wrong shape or dtype.
        """
        entries = all_entries(self.files)
        matched: dict[str, list[Entry]] = {}
        used: set[str] = set()
        for weight in layout.weights[1:]:
            names = self.names(weight.name)
            shapes = _part_shapes(weight, len(names), self.config)
            used.update(names)
            matched[weight.name] = [
                self._part(entries, name, shape, weight)
                for name, shape in zip(names, shapes, strict=True)
            ]
        for name in entries:
            if name not in used and not name.endswith(".rotary_emb.inv_freq"):
                raise failure(f"{entries[name]} has no place in the model of config.json", COMPLETE)
        return matched

    def _part(
        self, entries: dict[str, Entry], name: str, shape: tuple[int, ...], weight: Weight
    ) -> Entry:
        quantized = weight.kind in ("blocks", "scales")
        if name not in entries:
            _refuse_plain_experts(entries, name, quantized)
            raise failure(f"{self.directory} has no tensor {name!r}", COMPLETE)
        entry = entries[name]
        allowed = ("U8",) if quantized else FLOATS
        if entry.dtype not in allowed:
            raise failure(
                f"{entry} is {entry.dtype}, not {' or '.join(allowed)}",
                "the checkpoint as OpenAI published it, with MXFP4 experts and the rest in BF16",
            )
        if entry.shape != shape:
            raise failure(
                f"{entry} has shape {list(entry.shape)}, but config.json asks for {list(shape)}",
                COMPLETE,
            )
        return entry

    def dtype(self, matched: dict[str, list[Entry]]) -> str:
        """Return the dtypes of the dense tensors, and whether any of them had to be rounded."""
        kinds = {
            entry.dtype
            for entries in matched.values()
            for entry in entries
            if entry.dtype in FLOATS
        }
        dtypes = "+".join(sorted(kinds))
        if kinds == {"BF16"}:
            return dtypes
        return f"{dtypes} (rounded to nearest even where stored as BF16)"

    def fingerprint(self) -> str:
        """Return a sha256 over names, sizes, times and headers of the checkpoint's files."""
        digest = hashlib.sha256()
        for file in self.files:
            status = file.path.stat()
            digest.update(f"{file.path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
            with file.path.open("rb") as opened:
                digest.update(opened.read(file.data_start))
        return digest.hexdigest()


def stored_chunks(
    weight: Weight, entries: list[Entry], dense: str
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield (tensor of the model file, its next elements) for one weight, in small slices.

    Raises:
        Error: a value is not finite, does not fit its format, or a block scale is 254 or 255.
    """
    for entry in entries:
        for values in entry.slices():
            yield from _stored(weight, entry, values, dense)


def _stored(
    weight: Weight, entry: Entry, values: NDArray[Any], dense: str
) -> Iterator[tuple[str, NDArray[Any]]]:
    if weight.kind in ("blocks", "scales"):
        if weight.kind == "scales" and (largest := int(values.max())) >= 254:
            meaning = "NaN" if largest == 255 else "2^127: products would overflow"
            raise failure(
                f"{entry} has a scale byte {largest}, which means {meaning}", "a sound checkpoint"
            )
        yield weight.name, values
        return
    if not all_finite(values):
        raise failure(f"{entry} has a value that is infinite or NaN", "a sound checkpoint")
    if weight.kind == "f32":
        yield weight.name, widen(values)
    elif weight.kind == "dense" and dense == "q8":
        try:
            q, scale = quantize_q8(values)
        except OverflowError as error:
            raise failure(f"{entry}: {error}", "--dense bf16") from error
        yield f"{weight.name}.q8", q
        yield f"{weight.name}.scale", scale
    else:
        rounded = to_bf16(values)
        if not all_finite(rounded):
            raise failure(f"{entry} has a value beyond BF16's range", "a sound checkpoint")
        yield weight.name, rounded


def _part_shapes(weight: Weight, parts: int, config: Config) -> list[tuple[int, ...]]:
    if parts == 1:
        return [weight.shape]
    kv = config.num_key_value_heads
    heads = np.array([config.num_attention_heads, kv, kv]) * config.head_dim
    return [(int(rows), *weight.shape[1:]) for rows in heads]


def _refuse_plain_experts(entries: dict[str, Entry], name: str, quantized: bool) -> None:
    """Explain a fine-tune whose experts are stored unquantized."""
    plain = name.removesuffix("_blocks").removesuffix(".blocks")
    if quantized and plain in entries:
        raise failure(
            f"{entries[plain]} is {entries[plain].dtype}, but experts must be MXFP4",
            "quantize the experts to MXFP4 when saving the fine-tune (blocks and scales)",
        )
