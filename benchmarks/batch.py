"""How decoding scales with the batch: total tokens per second of B sequences over those of one.

    python benchmarks/batch.py [--model FILE | --shape 20b|demo|small] [--batches 1,2,4,8] [--json]

Each round decodes a few steps with every batch size in turn, forwards and backwards (1 2 4 8 8 4 2
1), so that a machine that drifts drifts for all; the ratios are medians over the rounds of ratios
within one. Sequences start from different random prompts, so experts are routed independently.
`--shape` writes a file of random weights first and removes it (12.6 GB for 20b).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gptoss_metal import _core
from gptoss_metal.convert import SHAPES, shape, write_random_model
from gptoss_metal.store import find

SMALL = shape(num_hidden_layers=2, vocab_size=20000)


@contextmanager
def model_file(options: argparse.Namespace) -> Iterator[Path]:
    """The file to measure: a given one, or one of random weights that is removed afterwards."""
    if options.model or options.shape == "demo":
        yield find(options.model or "demo")
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        config = SMALL if options.shape == "small" else SHAPES[options.shape]
        yield write_random_model(Path(folder) / "model.safetensors", config)


class Batches:
    """Sequences with their own histories, decoded some at a time."""

    def __init__(self, model: _core.Model, size: int, prompt: int, rng: np.random.Generator):
        self._rng = rng
        self._vocab = int(model.config["vocab_size"])
        self._sessions = []
        for _ in range(size):
            session = _core.Session(model)
            session.sync(rng.integers(0, self._vocab, prompt, np.int32))
            self._sessions.append(session)

    def seconds(self, batch: int, steps: int) -> float:
        """Seconds per step of the first `batch` sequences, each with a random next token."""
        begun = time.perf_counter()
        for _ in range(steps):
            tokens = self._rng.integers(0, self._vocab, (batch, 1), np.int32)
            _core.advance(list(zip(self._sessions, tokens, strict=False)))
        return (time.perf_counter() - begun) / steps


def measure(path: Path, sizes: list[int], options: argparse.Namespace) -> dict[str, Any]:
    """All rounds; JSON-ready."""
    model = _core.Model(str(path), isa=options.isa)
    batches = Batches(model, max(sizes), options.prompt_tokens, np.random.default_rng(0))
    for size in sizes:
        batches.seconds(size, 1)
    rounds = []
    for _ in range(options.rounds):
        order = [*sizes, *reversed(sizes)]
        taken: dict[int, list[float]] = {size: [] for size in sizes}
        for size in order:
            taken[size].append(batches.seconds(size, options.steps))
        rounds.append({size: size / statistics.mean(times) for size, times in taken.items()})
    bandwidth = _core.read_bandwidth(model.threads, 1 << 30)
    speed = {size: statistics.median(one[size] for one in rounds) for size in sizes}
    ratio = {size: statistics.median(one[size] / one[sizes[0]] for one in rounds) for size in sizes}
    return {
        "model": str(path),
        "isa": model.isa,
        "threads": model.threads,
        "prompt_tokens": options.prompt_tokens,
        "rounds": options.rounds,
        "steps": options.steps,
        "tokens_per_second": speed,
        "ratio": ratio,
        "read_bandwidth": bandwidth,
        "fraction_of_bandwidth": speed[sizes[0]] * model.bytes_per_token() / 1e9 / bandwidth,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", help="a name or a path")
    parser.add_argument("--shape", default="small", choices=["small", "demo", *SHAPES])
    parser.add_argument("--batches", default="1,2,4,8")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--prompt-tokens", type=int, default=16)
    parser.add_argument("--isa", default="", help="the best one if nothing is said")
    parser.add_argument("--folder", help="where random weights are written")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.batches.split(",")]
    with model_file(options) as path:
        found = measure(path, sizes, options)
    if options.json:
        print(json.dumps(found))
        return
    for size in sizes:
        speed, ratio = found["tokens_per_second"][size], found["ratio"][size]
        print(f"batch {size}: {speed:8.2f} tok/s, {ratio:5.2f} x batch {sizes[0]}")
    print(
        f"batch {sizes[0]} reads {found['fraction_of_bandwidth']:.0%} of "
        f"{found['read_bandwidth']:.1f} GB/s"
    )


if __name__ == "__main__":
    main()
