"""mlx-lm on the CPU as a measured process, in an environment of its own.

    python -m benchmarks.peers.mlx_worker MODEL THREADS

Takes the weights of our model file: MXFP4 as it is, q8 as 8-bit groups with an offset, the rest in
bfloat16, as in the checkpoints that mlx's community publishes. MLX chooses its threads itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import mlx.core as mx
from mlx.nn.layers.quantized import quantize
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.models.gpt_oss import Model, ModelArgs

from .scaled import LAYERS, Part, serve

GROUP = 32
SAME = (
    *("num_local_experts", "num_experts_per_tok", "vocab_size", "rms_norm_eps", "hidden_size"),
    *("intermediate_size", "head_dim", "num_attention_heads", "num_key_value_heads"),
    *("sliding_window", "rope_theta"),
)
"""Fields of our config that mlx-lm calls the same."""


class Mlx(Part):
    """gpt-oss as mlx-lm computes it.

    Attributes:
        logits: behind the last token that was fed, [vocabulary].
    """

    longest = 8  # each of its tokens takes a second per layer

    def __init__(self, weights: dict[str, Any], config: dict[str, Any]) -> None:
        self.vocabulary = config["vocab_size"]
        self._model = Model(_arguments(config))
        quantize(self._model, group_size=GROUP, bits=8, class_predicate=_scheme)
        self._model.load_weights(list(_named(weights, config)), strict=True)
        mx.eval(self._model.parameters())
        self._layers = self._model.model.layers
        self.logits: Any = None
        self._cache: Any = None

    def start(self, layers: int) -> None:
        self._model.model.layers = self._layers
        self._cache = make_prompt_cache(self._model)
        self._model.model.layers = self._layers[:layers]

    def feed(self, tokens: list[int]) -> None:
        # Only the last row meets the head, as when mlx-lm generates.
        hidden = self._model.model(mx.array([tokens]), self._cache)
        self.logits = self._model.lm_head(hidden[:, -1:])[0, 0]
        mx.eval(self.logits)


def _arguments(config: dict[str, Any]) -> ModelArgs:
    return ModelArgs(
        num_hidden_layers=LAYERS,
        layer_types=config["layer_types"][:LAYERS],
        rope_scaling={
            "rope_type": "yarn",
            "factor": config["rope_factor"],
            "original_max_position_embeddings": config["rope_original_context"],
            "beta_fast": config["rope_beta_fast"],
            "beta_slow": config["rope_beta_slow"],
        },
        **{name: config[name] for name in SAME},
    )


def _scheme(path: str, module: Any) -> bool | dict[str, Any]:
    """How a module is quantized: not at all, in MXFP4, or in the 8 bits that are asked for."""
    if path.endswith(("embed_tokens", "router")) or not hasattr(module, "to_quantized"):
        return False
    if ".experts." in path:
        return {"group_size": GROUP, "bits": 4, "mode": "mxfp4"}
    return True


def _named(weights: dict[str, Any], config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Our tensors under mlx-lm's names."""
    yield "model.embed_tokens.weight", weights["embedding"]
    yield "model.norm.weight", _narrow(weights["final_norm"])
    yield from _dense("lm_head", weights, "unembedding", slice(None))
    head = config["head_dim"]
    ends = [config["num_attention_heads"] * head, config["num_key_value_heads"] * head]
    for layer in range(LAYERS):
        ours, theirs = f"layers.{layer}.", f"model.layers.{layer}."
        begin = 0
        for name, rows in (("q", ends[0]), ("k", ends[1]), ("v", ends[1])):
            part = slice(begin, begin + rows)
            begin += rows
            yield from _dense(f"{theirs}self_attn.{name}_proj", weights, f"{ours}qkv", part)
            bias = weights[f"{ours}qkv.bias"][part]
            yield f"{theirs}self_attn.{name}_proj.bias", _narrow(bias)
        yield from _dense(f"{theirs}self_attn.o_proj", weights, f"{ours}out", slice(None))
        yield f"{theirs}mlp.router.weight", weights[f"{ours}router"]
        for their_name, our_name in (
            ("self_attn.o_proj.bias", "out.bias"),
            ("self_attn.sinks", "sinks"),
            ("input_layernorm.weight", "attn_norm"),
            ("post_attention_layernorm.weight", "mlp_norm"),
            ("mlp.router.bias", "router.bias"),
        ):
            yield theirs + their_name, _narrow(weights[ours + our_name])
        for name, source, rows_of in (
            ("gate", "gate_up", slice(0, None, 2)),
            ("up", "gate_up", slice(1, None, 2)),
            ("down", "down", slice(None)),
        ):
            yield from _experts(f"{theirs}mlp.experts.{name}_proj", weights, ours + source, rows_of)


def _dense(
    name: str, weights: dict[str, Any], source: str, rows: slice
) -> Iterator[tuple[str, Any]]:
    """Signed bytes times a scale are unsigned ones times it, less 128 scales."""
    signed = weights[source + ".q8"][rows].astype(mx.int16)
    scales = _narrow(weights[source + ".scale"][rows])
    yield f"{name}.weight", (signed + 128).astype(mx.uint8).view(mx.uint32)
    yield f"{name}.scales", scales
    yield f"{name}.biases", scales * -128


def _experts(
    name: str, weights: dict[str, Any], source: str, rows: slice
) -> Iterator[tuple[str, Any]]:
    blocks = mx.contiguous(weights[source + ".blocks"][:, rows])
    yield f"{name}.weight", blocks.view(mx.uint32).flatten(-2)
    yield f"{name}.scales", mx.contiguous(weights[source + ".scales"][:, rows])
    yield f"{name}.bias", _narrow(weights[source + ".bias"][:, rows])


def _narrow(values: Any) -> Any:
    return values.astype(mx.bfloat16)


def main() -> None:
    """Build the part and answer commands."""
    path, threads = sys.argv[1:]
    mx.set_default_device(mx.cpu)
    loaded: Any = mx.load(path, return_metadata=True)
    config = json.loads(loaded[1]["config"])
    serve(Mlx(loaded[0], config), config["num_hidden_layers"], int(threads))


if __name__ == "__main__":
    main()
