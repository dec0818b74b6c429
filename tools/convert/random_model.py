"""Model files of random weights: the real shapes, written at the speed of the disk."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gptoss_metal.config import Config

from .config import alternating, checked, with_dense
from .layout import ITEM_BYTES, VOCABULARY, Layout, Slot, plan
from .numbers import to_bf16
from .writer import Chunks, Job, Progress, Writer, check_target

POOL_BYTES: Final = 16 << 20  # of random bytes per kind of tensor, repeated at varying offsets


def shape(**changes: Any) -> Config:
    """Return gpt-oss-20b's config with some fields changed; layer types alternate by default.

    Raises:
        Error: the result is outside the limits.
    """
    layers = changes.get("num_hidden_layers", 24)
    values: dict[str, Any] = {
        "num_hidden_layers": layers,
        "num_local_experts": 32,
        "num_experts_per_tok": 4,
        "hidden_size": 2880,
        "intermediate_size": 2880,
        "vocab_size": 201088,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "sliding_window": 128,
        "layer_types": alternating(layers),
        "max_position_embeddings": 131072,
        "rope_theta": 150000.0,
        "rope_factor": 32.0,
        "rope_original_context": 4096,
        "rope_beta_fast": 32.0,
        "rope_beta_slow": 1.0,
        "rope_truncate": False,
        "rms_norm_eps": 1e-5,
        "swiglu_limit": 7.0,
        "dense": "q8",
    }
    return checked(Config(**(values | changes)), "the shape")


SHAPES: Final[dict[str, Config]] = {
    "20b": shape(),
    "120b": shape(num_hidden_layers=36, num_local_experts=128),
}


def write_random_model(
    target: str | Path,
    config: Config,
    dense: str | None = None,
    seed: int = 0,
    tokenizer_bytes: bytes | None = None,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a model file of random weights of sensible magnitude and return its path.

    Norms are near 1, biases small, dense rows of about unit gain, expert scales 2^-9..2^-5. The
    random bytes repeat every few tens of MB, so this is a model to measure and to test with, not
    one to learn from. The same arguments give the same bytes.

    Args:
        target: the file to write; its folder must exist.
        config: its shape: ``SHAPES["20b"]``, ``shape(num_hidden_layers=2, …)``.
        dense: "q8" or "bf16" instead of the config's own.
        seed: of the random weights.
        tokenizer_bytes: o200k_base.tiktoken; without it the file's vocabulary is empty.
        progress: called as ``progress(done, total)`` in bytes written.
        overwrite: replace an existing target.

    Raises:
        Error: the target cannot be written.
    """
    target = Path(target).expanduser()
    check_target(target, overwrite)
    if dense is not None:
        config = with_dense(config, dense)
    vocabulary = tokenizer_bytes or b""
    layout = plan(config, len(vocabulary))
    writer = Writer(
        target=target,
        layout=layout,
        source={"path": "random", "revision": str(seed), "kind": "random", "dtype": "BF16"},
        inputs=f"random {seed} {hashlib.sha256(vocabulary).hexdigest()}",
        progress=progress,
        verify=False,
    )
    return writer.write(_jobs(layout, seed, vocabulary))


def _jobs(layout: Layout, seed: int, vocabulary: bytes) -> list[Job]:
    pools: dict[str, NDArray[Any]] = {}
    width = layout.config.hidden_size
    jobs = []
    for slot in layout.tensors:
        if slot.name == VOCABULARY:
            data = np.frombuffer(vocabulary, np.uint8)
            jobs.append(Job((slot.name,), functools.partial(_one_chunk, slot.name, data)))
            continue
        draw = _drawer(slot, width)
        jobs.append(Job((slot.name,), functools.partial(_random, slot, seed, draw, pools)))
    return jobs


def _one_chunk(name: str, data: NDArray[Any]) -> Chunks:
    yield name, data


Draw = tuple[str, Callable[[np.random.Generator, int], NDArray[Any]]]


def _drawer(slot: Slot, hidden: int) -> Draw:
    """Return a kind of random elements and how n of them are drawn."""
    last = slot.name.rsplit(".", 1)[-1]
    spread = 1 / math.sqrt(hidden)
    if slot.name.endswith(("down.scales", "gate_up.scales")):
        return "block scale", lambda rng, n: rng.integers(118, 123, n, np.uint8)
    if last == "blocks":
        return "block", lambda rng, n: np.frombuffer(rng.bytes(n), np.uint8)
    if last == "q8":
        return "q8", lambda rng, n: rng.integers(-127, 128, n, np.int8)
    if last == "scale":
        return "scale", lambda rng, n: (2 * spread / 127 * rng.uniform(0.5, 1, n)).astype(
            np.float16
        )
    if slot.dtype == "BF16":
        return "bf16", lambda rng, n: to_bf16(rng.standard_normal(n, np.float32) * spread)
    if last.endswith("norm"):
        return "norm", lambda rng, n: 1 + rng.standard_normal(n, np.float32) / 16
    return "bias", lambda rng, n: rng.standard_normal(n, np.float32) / 16


def _random(slot: Slot, seed: int, draw: Draw, pools: dict[str, NDArray[Any]]) -> Chunks:
    """Yield the tensor from a shared random pool, starting anywhere in it.

    Small tensors draw from a pool of their own size, so that small models are cheap.
    """
    kind, make = draw
    item = ITEM_BYTES[slot.dtype]
    count = slot.size // item
    length = min(POOL_BYTES // item, 1 << max(count - 1, 1).bit_length())
    key = f"{kind} {length}"
    if key not in pools:
        pools[key] = make(np.random.default_rng(_number(f"{seed} {key}")), length)
    pool = pools[key]
    start = _number(f"{seed} {slot.name}") % length
    while count:
        piece = pool[start : start + count]
        yield slot.name, piece
        count -= piece.size
        start = 0


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
