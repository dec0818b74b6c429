"""The random models that logits are compared on, and what each implementation says about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gptoss_metal import Model, _core
from gptoss_metal.convert import convert
from tests.reference import model as reference
from tests.reference.checkpoints import MASSIVE_TOKENS, write_checkpoint
from tests.reference.formats import Float64
from tests.reference.oracles import MlxLm, Transformers
from tests.reference.weights import ModelFileWeights, open_weights

DENSE_TYPES = ("bf16", "q8")


@dataclass(frozen=True)
class Shape:
    """A random model and the length of the sequence it is given.

    The seeds were chosen so that no token is within 1e-4 of another choice of experts: there,
    float32 and float64 may rightly differ by a standard deviation. Where there are too many
    tokens for that, all experts are chosen.
    """

    name: str
    length: int
    arguments: dict[str, Any]
    """Of write_checkpoint."""

    @classmethod
    def of(cls, name: str, length: int, **arguments: Any) -> Shape:
        """Take write_checkpoint's arguments as they are written in a call."""
        return cls(name, length, arguments)

    def tokens(self) -> npt.NDArray[np.int32]:
        """Random tokens, the massive ones among them."""
        vocab = self.arguments["vocab"]
        tokens = np.random.default_rng(self.length).integers(2, vocab, self.length, dtype=np.int32)
        tokens[[5, self.length // 2]] = MASSIVE_TOKENS
        return tokens


SLIDING_FIRST_AND_LAST = ["sliding_attention", "full_attention", "sliding_attention"]
FULL_FIRST_AND_LAST = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]

YARN_ROUNDED = {
    "factor": 8.0,
    "beta_fast": 16.0,
    "original_max_position_embeddings": 512,
    "truncate": True,
}

SHAPES = [
    Shape.of("small", 300, experts=4, top_k=2, hidden=64, intermediate=64, heads=8, kv_heads=2,
             window=16, vocab=512, layers=2, seed=1),
    Shape.of("top-1", 530, experts=7, top_k=1, hidden=128, intermediate=192, heads=16, kv_heads=2,
             window=8, vocab=501, layers=3, seed=6, layer_types=SLIDING_FIRST_AND_LAST),
    Shape.of("wide", 280, experts=32, top_k=4, hidden=640, intermediate=320, heads=64, kv_heads=8,
             window=128, vocab=1000, layers=2, seed=2),
    Shape.of("128 experts", 270, experts=128, top_k=4, hidden=192, intermediate=128, heads=24,
             kv_heads=3, window=100, vocab=640, layers=2, seed=9),
    Shape.of("other rope", 300, experts=4, top_k=2, hidden=320, intermediate=448, heads=8,
             kv_heads=8, window=127, vocab=513, layers=4, seed=4, layer_types=FULL_FIRST_AND_LAST,
             rope_theta=10000.0, rope_scaling=YARN_ROUNDED),
    Shape.of("deep", 300, experts=32, top_k=4, hidden=128, intermediate=64, heads=8, kv_heads=1,
             window=32, vocab=512, layers=6, seed=12, shards=3),
    Shape.of("past 4096", 4200, experts=4, top_k=4, hidden=64, intermediate=64, heads=4, kv_heads=1,
             window=128, vocab=512, layers=2, seed=2),
]  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What the float64 reference computes."""

    logits: Float64
    """[tokens, vocab]"""
    router_margin: float
    """How close any token of any layer is to another choice of experts, in router logits."""

    @classmethod
    def of(cls, source: Path, tokens: npt.NDArray[np.int32]) -> Truth:
        """Run the reference on a checkpoint or a model file."""
        weights = open_weights(source)
        top_k = weights.config.num_experts_per_tok
        margins = [np.inf]

        def observe(name: str, value: Float64) -> None:
            if name.endswith("router") and value.shape[1] > top_k:
                descending = -np.sort(-value, axis=1)
                margins.append((descending[:, top_k - 1] - descending[:, top_k]).min())

        return cls(reference.logits(weights, tokens, observe=observe), float(min(margins)))


class Case:
    """One random model; whatever is asked of it is computed once and kept."""

    def __init__(self, shape: Shape, directory: Path) -> None:
        """Nothing is computed yet; files go to the directory."""
        self.shape = shape
        self.tokens = shape.tokens()
        self._directory = directory
        self._files: dict[str, Path] = {}
        self._bfloat16: dict[str, Float64] = {}

    @cached_property
    def checkpoint(self) -> Path:
        """The Hugging Face directory."""
        return write_checkpoint(self._directory / "checkpoint", **self.shape.arguments)

    def file(self, dense: str) -> Path:
        """The converted model file."""
        if dense not in self._files:
            path = self._directory / f"{dense}.safetensors"
            convert(self.checkpoint, path, dense=dense)
            self._files[dense] = path
        return self._files[dense]

    def ours(self, dense: str, precision: str) -> npt.NDArray[np.float32]:
        """Logits of gptoss-metal, [tokens, vocab]."""
        return Model.load(str(self.file(dense)), precision=precision).logits(self.tokens)

    def ours_with(self, dense: str, isa: str) -> npt.NDArray[np.float32]:
        """Logits of one instruction set of the CPU, by default precision, [tokens, vocab].

        Raises:
            Error: this processor lacks the set.
        """
        model = _core.Model(str(self.file(dense)), isa=isa)
        return _core.Session(model).all_logits(self.tokens)

    @cached_property
    def published(self) -> Truth:
        """The float64 reference on the published weights."""
        return Truth.of(self.checkpoint, self.tokens)

    @cached_property
    def quantized(self) -> Truth:
        """The float64 reference on the weights of the q8 file."""
        return Truth.of(self.file("q8"), self.tokens)

    def truth(self, dense: str) -> Truth:
        """The float64 reference on the weights that the file stores."""
        return self.quantized if dense == "q8" else self.published

    @cached_property
    def transformers(self) -> Float64:
        """Logits of transformers in float64."""
        return self.float64.logits(self.tokens)

    @cached_property
    def float64(self) -> Transformers:
        """The model of transformers in float64."""
        return Transformers(self.checkpoint, torch.float64, exact_rotary=True)

    @cached_property
    def mlx_lm(self) -> Float64:
        """Logits of mlx-lm in float32 with the right rotary frequencies.

        Its own float32 angles would cost 8e-4 deviations by position 4000; there they are exact.
        """
        return MlxLm(self.checkpoint, exact_rotary=len(self.tokens) > 1000).logits(self.tokens)

    def bfloat16(self, dense: str) -> Float64:
        """Logits of transformers in bfloat16 on the weights that the file stores.

        Those of q8 are dequantized and rounded to bfloat16, which is all that it can hold.
        """
        if dense not in self._bfloat16:
            self._bfloat16_model.store(ModelFileWeights(self.file(dense)))
            self._bfloat16[dense] = self._bfloat16_model.logits(self.tokens)
        return self._bfloat16[dense]

    @cached_property
    def _bfloat16_model(self) -> Transformers:
        return Transformers(self.checkpoint, torch.bfloat16)
