"""Store a trained checkpoint as one small file: python tools/demo/export.py CHECKPOINT [OUT]."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import mxfp4
import numpy as np
import tensorfile
import torch
from expand import ROWS, WEIGHTS
from tensorfile import Tensor
from trainer.checkpoint import load
from trainer.config import Config
from trainer.data import Rows
from trainer.model import DemoModel

SHAPE = (
    "layers", "hidden", "intermediate", "experts", "top_k", "heads", "kv_heads", "head_dim",
    "window",
)  # fmt: skip


def _bf16(values: torch.Tensor) -> Tensor:
    return tensorfile.bf16(values.detach().numpy())


def _experts(name: str, weight: torch.Tensor, bias: torch.Tensor) -> dict[str, Tensor]:
    blocks, scales = mxfp4.quantize(weight.detach().numpy())
    return {
        f"{name}_blocks": Tensor("U8", blocks),
        f"{name}_scales": Tensor("U8", scales),
        f"{name}_bias": _bf16(bias),
    }


def stored_tensors(model: DemoModel, rows: Rows) -> dict[str, Tensor]:
    """Return the tensors of the stored file, under the names of Hugging Face checkpoints."""
    tensors = {
        ROWS: Tensor("I32", np.array(rows.ids, dtype=np.int32)),
        "model.embed_tokens.rows": _bf16(model.embedding),
    }
    for number, (attention, experts) in enumerate(model.layers()):
        layer = f"model.layers.{number}"
        tensors[f"{layer}.input_layernorm.weight"] = _bf16(attention.norm)
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            linear = getattr(attention, part)
            tensors[f"{layer}.self_attn.{part}.weight"] = _bf16(linear.weight)
            tensors[f"{layer}.self_attn.{part}.bias"] = _bf16(linear.bias)
        tensors[f"{layer}.self_attn.sinks"] = _bf16(attention.sinks)
        tensors[f"{layer}.post_attention_layernorm.weight"] = _bf16(experts.norm)
        tensors[f"{layer}.mlp.router.weight"] = _bf16(experts.router.weight)
        tensors[f"{layer}.mlp.router.bias"] = _bf16(experts.router.bias)
        name = f"{layer}.mlp.experts"
        tensors |= _experts(f"{name}.gate_up_proj", experts.gate_up, experts.gate_up_bias)
        tensors |= _experts(f"{name}.down_proj", experts.down, experts.down_bias)
    tensors["model.norm.weight"] = _bf16(model.norm)
    tensors["lm_head.rows"] = _bf16(model.unembedding)
    return tensors


def shape(config: Config) -> dict[str, int]:
    """Return the shape that expand.py needs."""
    return {name: getattr(config, name) for name in SHAPE}


def export(checkpoint: Path, out: Path) -> int:
    """Write the stored file and return its size in bytes."""
    model, rows = load(checkpoint)
    metadata = {"shape": json.dumps(shape(model.config)), "license": "Apache-2.0"}
    tensorfile.write(out, stored_tensors(model, rows), metadata)
    return out.stat().st_size


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=WEIGHTS)
    options = parser.parse_args()
    print(f"{options.out}: {export(options.checkpoint, options.out)} bytes")


if __name__ == "__main__":
    main()
