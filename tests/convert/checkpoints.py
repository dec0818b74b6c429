"""Small checkpoints to convert: one set of random weights in both published layouts."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.reference.checkpoints import write_checkpoint

Tensors = dict[str, torch.Tensor]

ORIGINAL_LAYER = {
    "input_layernorm.weight": "attn.norm.scale",
    "self_attn.sinks": "attn.sinks",
    "self_attn.o_proj.weight": "attn.out.weight",
    "self_attn.o_proj.bias": "attn.out.bias",
    "post_attention_layernorm.weight": "mlp.norm.scale",
    "mlp.router.weight": "mlp.gate.weight",
    "mlp.router.bias": "mlp.gate.bias",
    "mlp.experts.gate_up_proj_blocks": "mlp.mlp1_weight.blocks",
    "mlp.experts.gate_up_proj_scales": "mlp.mlp1_weight.scales",
    "mlp.experts.gate_up_proj_bias": "mlp.mlp1_bias",
    "mlp.experts.down_proj_blocks": "mlp.mlp2_weight.blocks",
    "mlp.experts.down_proj_scales": "mlp.mlp2_weight.scales",
    "mlp.experts.down_proj_bias": "mlp.mlp2_bias",
}
ORIGINAL_MODEL = {
    "model.embed_tokens.weight": "embedding.weight",
    "model.norm.weight": "norm.scale",
    "lm_head.weight": "unembedding.weight",
}


def random_checkpoint(directory: Path, seed: int = 0, **shape: Any) -> Path:
    """Write a Hugging Face checkpoint, and its ``original/`` twin inside; return the directory.

    ``shape`` is that of ``tests.reference.checkpoints.write_checkpoint``.
    """
    write_checkpoint(directory, seed=seed, **shape)
    _write_original(directory, directory / "original")
    return directory


def load_shards(directory: Path) -> Tensors:
    """Return all tensors of a Hugging Face checkpoint."""
    tensors: Tensors = {}
    for path in sorted(directory.glob("model*.safetensors")):
        tensors |= load_file(path)
    return tensors


def edit_tensors(directory: Path, change: Callable[[Tensors], object]) -> None:
    """Rewrite model.safetensors (and no index) after ``change`` worked on its tensors."""
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})
    (directory / "model.safetensors.index.json").unlink(missing_ok=True)


def edit_config(directory: Path, **changes: Any) -> None:
    """Change keys of config.json; None removes a key."""
    path = directory / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


def o200k_base() -> bytes:
    """Return the bytes of o200k_base.tiktoken."""
    package = importlib.util.find_spec("bpe_openai")  # found, not imported: that is slow
    assert package
    assert package.origin
    packed = Path(package.origin).parent / "data" / "o200k_base.tiktoken.gz"
    return gzip.decompress(packed.read_bytes())


def _write_original(source: Path, directory: Path) -> None:
    directory.mkdir()
    hf = json.loads((source / "config.json").read_text())
    rope = hf["rope_scaling"]
    config = {
        "num_hidden_layers": hf["num_hidden_layers"],
        "num_experts": hf["num_local_experts"],
        "experts_per_token": hf["num_experts_per_tok"],
        "vocab_size": hf["vocab_size"],
        "hidden_size": hf["hidden_size"],
        "intermediate_size": hf["intermediate_size"],
        "swiglu_limit": hf["swiglu_limit"],
        "head_dim": hf["head_dim"],
        "num_attention_heads": hf["num_attention_heads"],
        "num_key_value_heads": hf["num_key_value_heads"],
        "sliding_window": hf["sliding_window"],
        "initial_context_length": hf["initial_context_length"],
        "rope_theta": hf["rope_theta"],
        "rope_scaling_factor": rope["factor"],
        "rope_ntk_alpha": rope["beta_slow"],
        "rope_ntk_beta": rope["beta_fast"],
    }
    (directory / "config.json").write_text(json.dumps(config))
    tensors = load_shards(source)
    renamed = {new: tensors[old] for old, new in ORIGINAL_MODEL.items()}
    for layer in range(hf["num_hidden_layers"]):
        old, new = f"model.layers.{layer}.", f"block.{layer}."
        renamed |= {new + to: tensors[old + name] for name, to in ORIGINAL_LAYER.items()}
        for kind in ("weight", "bias"):
            parts = [tensors[f"{old}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            renamed[f"{new}attn.qkv.{kind}"] = torch.cat(parts)
    save_file(renamed, directory / "model.safetensors")
