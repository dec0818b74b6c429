"""The plan of a model file: which tensors it holds, where each one lies, and its header.

The rules and their reasons are in docs/MODEL_FILE.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from gptoss_metal.config import Config

from .config import as_json, qkv_rows

FORMAT: Final = "gptoss-metal"
FORMAT_VERSION: Final = "1"
PAGE: Final = 16384  # bytes; an Apple GPU's page, the unit of a no-copy buffer
ALIGNMENT: Final = 128  # bytes; a cache line of Apple silicon
GROUP: Final = 32  # weights that share a scale, in MXFP4 and in q8
BLOCK_BYTES: Final = 16  # of one MXFP4 block: 32 weights, 4 bits each
VOCABULARY: Final = "tokenizer.o200k_base"
PAD_PREFIX: Final = "pad."
ITEM_BYTES: Final[Mapping[str, int]] = {"U8": 1, "I8": 1, "F16": 2, "BF16": 2, "F32": 4}
NO_CHECKSUM: Final = "0" * 64


@dataclass(frozen=True)
class Weight:
    """One weight of the model, before it is decided how it is stored.

    ``kind`` is "bytes", "f32", "bf16", "dense", "blocks" or "scales"; ``paged`` weights start on
    a page of the file.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    paged: bool = False

    def stored(self, dense: str) -> list[tuple[str, str, tuple[int, ...]]]:
        """Return (name, dtype, shape) of the one or two tensors that hold this weight."""
        if self.kind == "dense" and dense == "q8":
            rows, cols = self.shape
            return [
                (f"{self.name}.q8", "I8", self.shape),
                (f"{self.name}.scale", "F16", (rows, cols // GROUP)),
            ]
        dtype = {"f32": "F32", "bf16": "BF16", "dense": "BF16"}.get(self.kind, "U8")
        return [(self.name, dtype, self.shape)]


@dataclass(frozen=True)
class Slot:
    """One tensor of the file; ``offset`` counts bytes from the start of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the tensor."""
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]

    @property
    def is_pad(self) -> bool:
        """True for the zero bytes between two tensors."""
        return self.name.startswith(PAD_PREFIX)


@dataclass(frozen=True)
class Layout:
    """Weights and slots of a model file, both in file order."""

    config: Config
    weights: tuple[Weight, ...]
    slots: tuple[Slot, ...]

    @property
    def data_bytes(self) -> int:
        """Bytes after the header."""
        return self.slots[-1].offset + self.slots[-1].size

    @cached_property
    def by_name(self) -> dict[str, Slot]:
        """Slots by tensor name, pads included."""
        return {slot.name: slot for slot in self.slots}

    @cached_property
    def tensor_bytes(self) -> int:
        """Bytes of all tensors that are not padding."""
        return sum(slot.size for slot in self.tensors)

    @property
    def parameters(self) -> int:
        """Weights of the model; vocabulary, scales and padding are not counted."""
        packed = {"blocks": 2, "scales": 0, "bytes": 0}
        return sum(packed.get(w.kind, 1) * math.prod(w.shape) for w in self.weights)

    @property
    def tensors(self) -> list[Slot]:
        """The slots that are not padding."""
        return [slot for slot in self.slots if not slot.is_pad]

    def header(self, source: Mapping[str, str], checksums: Mapping[str, str]) -> bytes:
        """Return the file's first bytes: length, JSON, spaces up to the first page of data.

        Tensors that ``checksums`` lacks get 64 zeros, so the header's size never depends on it.
        """
        sums = {slot.name: checksums.get(slot.name, NO_CHECKSUM) for slot in self.tensors}
        metadata = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "config": _json(as_json(self.config)),
            "source": _json(dict(source)),
            "checksums": _json(sums),
        }
        entries: dict[str, Any] = {"__metadata__": metadata}
        for slot in self.slots:
            entries[slot.name] = {
                "dtype": slot.dtype,
                "shape": list(slot.shape),
                "data_offsets": [slot.offset, slot.offset + slot.size],
            }
        text = _json(entries).encode("ascii")
        length = -(-(8 + len(text)) // PAGE) * PAGE - 8
        return length.to_bytes(8, "little") + text.ljust(length)


def plan(config: Config, vocabulary_bytes: int) -> Layout:
    """Place every tensor of a model; ``vocabulary_bytes`` is the size of o200k_base.tiktoken."""
    weights = tuple(_weights(config, vocabulary_bytes))
    slots: list[Slot] = []
    position = 0
    pads = 0

    def pad(alignment: int) -> None:
        nonlocal position, pads
        gap = -position % alignment
        if gap:
            slots.append(Slot(f"{PAD_PREFIX}{pads}", "U8", (gap,), position))
            position += gap
            pads += 1

    for weight in weights:
        for index, (name, dtype, shape) in enumerate(weight.stored(config.dense)):
            pad(PAGE if weight.paged and index == 0 else ALIGNMENT)
            slots.append(Slot(name, dtype, shape, position))
            position += slots[-1].size
    pad(PAGE)
    return Layout(config, weights, tuple(slots))


def _weights(config: Config, vocabulary_bytes: int) -> Iterator[Weight]:
    hidden, vocab = config.hidden_size, config.vocab_size
    yield Weight(VOCABULARY, "bytes", (vocabulary_bytes,))
    yield Weight("embedding", "bf16", (vocab, hidden), paged=True)
    for layer in range(config.num_hidden_layers):
        yield from _layer(config, f"layers.{layer}.")
    yield Weight("final_norm", "f32", (hidden,))
    yield Weight("unembedding", "dense", (vocab, hidden), paged=True)


def _layer(config: Config, at: str) -> Iterator[Weight]:
    hidden, inner = config.hidden_size, config.intermediate_size
    experts, queries = config.num_local_experts, config.num_attention_heads
    yield Weight(at + "attn_norm", "f32", (hidden,), paged=True)
    yield Weight(at + "qkv", "dense", (qkv_rows(config), hidden))
    yield Weight(at + "qkv.bias", "f32", (qkv_rows(config),))
    yield Weight(at + "sinks", "f32", (queries,))
    yield Weight(at + "out", "dense", (hidden, queries * config.head_dim))
    yield Weight(at + "out.bias", "f32", (hidden,))
    yield Weight(at + "mlp_norm", "f32", (hidden,))
    yield Weight(at + "router", "bf16", (experts, hidden))
    yield Weight(at + "router.bias", "f32", (experts,))
    for name, rows, cols in (("gate_up", 2 * inner, hidden), ("down", hidden, inner)):
        groups = (experts, rows, cols // GROUP)
        blocks = (*groups, BLOCK_BYTES)
        yield Weight(f"{at}{name}.blocks", "blocks", blocks, paged=name == "gate_up")
        yield Weight(f"{at}{name}.scales", "scales", groups)
        yield Weight(f"{at}{name}.bias", "f32", (experts, rows))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
