"""Whole random models through the Metal backend and through the CPU backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gptoss_metal.convert import shape, write_random_model
from gptoss_metal.errors import Error
from gptoss_metal.model import Model
from gptoss_metal.selftest.case import Float64, Row, judged

LOGITS: Final = 1e-3
"""Largest difference in exact precision, in standard deviations of the logits."""
DIVERGENCE: Final = 1e-5
"""Mean KL divergence of the default precision from the exact one, in nats."""
PROMPT: Final = 150
ANSWER: Final = 24
CHUNK: Final = 64


@dataclass(frozen=True)
class Shape:
    """A random model. All experts are chosen where `steady`, so that rounding flips none."""

    name: str
    dense: str
    steady: bool
    changes: dict[str, Any]


SMALL: Final = {"num_hidden_layers": 2, "vocab_size": 515, "max_position_embeddings": 2048}
SHAPES: Final = (
    Shape("2 layers, 64 wide", "q8", True,
          SMALL | {"hidden_size": 64, "intermediate_size": 64, "num_local_experts": 4,
                   "num_attention_heads": 8, "num_key_value_heads": 1, "sliding_window": 16}),
    Shape("3 layers, 192 wide", "bf16", False,
          SMALL | {"num_hidden_layers": 3, "hidden_size": 192, "intermediate_size": 128,
                   "num_local_experts": 32, "num_attention_heads": 12, "num_key_value_heads": 3,
                   "sliding_window": 128}),
)  # fmt: skip


def rows() -> Iterator[Row]:
    """Compares each model in turn."""
    with TemporaryDirectory(prefix="gptoss-metal-selftest-") as folder:
        for number, chosen in enumerate(SHAPES):
            top_k = 4 if chosen.steady else 3
            config = shape(**chosen.changes, num_experts_per_tok=top_k)
            path = Path(folder) / f"{number}.safetensors"
            write_random_model(path, config, chosen.dense, seed=number)
            yield from _rows_of(path, chosen)


def _rows_of(path: Path, chosen: Shape) -> Iterator[Row]:
    try:
        yield from _compare(path, chosen)
    except Error as problem:
        yield Row("model", chosen.name, chosen.dense, None, 0, False, str(problem))


def _compare(path: Path, chosen: Shape) -> Iterator[Row]:
    vocab = chosen.changes["vocab_size"]
    tokens = np.random.default_rng(5).integers(0, vocab, PROMPT, np.int32)
    cpu = Model.load(path, "cpu", "exact")
    truth = cpu.logits(tokens)
    exact = Model.load(path, "metal", "exact")
    setting = f"{chosen.dense} exact"
    error = float(np.abs(exact.logits(tokens) - truth).max() / truth.std())
    yield judged("model", f"{chosen.name}: logits, deviations", setting, error, LOGITS)
    differing = np.count_nonzero(greedy(cpu, tokens) != greedy(exact, tokens))
    yield judged("model", f"{chosen.name}: other greedy tokens", setting, float(differing), 0)
    if not chosen.steady:
        return
    default = Model.load(path, "metal", "default")
    error = mean_kl(truth, default.logits(tokens))
    setting = f"{chosen.dense} default"
    yield judged("model", f"{chosen.name}: divergence, nats", setting, error, DIVERGENCE)


def greedy(model: Model, prompt: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The likeliest tokens after a prompt, one after another; the prompt comes in chunks."""
    session = model.session(len(prompt) + ANSWER, CHUNK)
    session.sync(prompt)
    found = []
    for _ in range(ANSWER):
        found.append(int(np.argmax(session.logits())))
        session.step(found[-1])
    return np.array(found, np.int32)


def mean_kl(truth: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Mean over rows of the KL divergence of softmax(other) from softmax(truth)."""
    p, q = _log_softmax(truth), _log_softmax(other)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def _log_softmax(logits: npt.NDArray[np.float32]) -> Float64:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    result: Float64 = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
