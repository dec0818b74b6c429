"""Files of growing layer counts, and how long each takes to open and to give a token."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.peers.build import say
from benchmarks.peers.model_file import ModelFile
from benchmarks.peers.process import warm
from gptoss_metal import _core
from gptoss_metal.convert import write_random_model

from .plan import layer_counts

MOST_LAYERS: Final = 4
MOST_VOCABULARY: Final = 20000


@contextmanager
def growing_files(model: Path, folder: Path | None) -> Iterator[dict[int, Path]]:
    """Files by their size in bytes, ascending: with a model's first layers, and that model.

    The former are of random weights, have a small vocabulary, and are removed afterwards. All are
    read once, so that the page cache has them if memory allows.

    Raises:
        Error: the disk has no room for them.
    """
    config = ModelFile(model).config
    with tempfile.TemporaryDirectory(dir=folder) as written:
        paths = []
        for layers in layer_counts(config.num_hidden_layers, MOST_LAYERS):
            smaller = replace(
                config,
                num_hidden_layers=layers,
                layer_types=config.layer_types[:layers],
                vocab_size=min(config.vocab_size, MOST_VOCABULARY),
            )
            say(f"writing {layers} of {config.num_hidden_layers} layers")
            paths.append(write_random_model(Path(written) / f"{layers}.safetensors", smaller))
        paths.append(model)
        for path in paths:
            warm(path)
        yield {path.stat().st_size: path for path in sorted(paths, key=lambda p: p.stat().st_size)}


def load(path: Path) -> float:
    """Seconds to open a model in a running process."""
    begun = time.perf_counter()
    model = _core.Model(str(path))
    taken = time.perf_counter() - begun
    del model
    return taken


def load_to_token(path: Path) -> float:
    """Seconds to open a model and to compute its first token."""
    begun = time.perf_counter()
    session = _core.Session(_core.Model(str(path)), 1, 1)
    session.step(0)
    session.logits()
    return time.perf_counter() - begun
