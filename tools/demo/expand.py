"""Expand the stored demo model into an ordinary Hugging Face checkpoint.

    python tools/demo/expand.py OUT [--weights FILE]

Needs numpy and bpe-openai (for the vocabulary), no network, no torch.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import tensorfile
import tokenizer
import vocabulary
from tensorfile import Tensor

from gptoss_metal.harmony import tokens

WEIGHTS = Path(__file__).with_name("weights.safetensors")
ROWS = "rows"
VOCABULARY_TENSORS = {
    "model.embed_tokens.rows": "model.embed_tokens.weight",
    "lm_head.rows": "lm_head.weight",
}


def model_config(shape: dict[str, int]) -> dict[str, object]:
    """Return config.json with the fields of the published models and this model's shape.

    Args:
        shape: layers, hidden, intermediate, experts, top_k, heads, kv_heads, head_dim, window.
    """
    kinds = ("sliding_attention", "full_attention")
    return {
        "architectures": ["GptOssForCausalLM"],
        "attention_bias": True,
        "attention_dropout": 0.0,
        "eos_token_id": tokens.RETURN,
        "experts_per_token": shape["top_k"],
        "head_dim": shape["head_dim"],
        "hidden_act": "silu",
        "hidden_size": shape["hidden"],
        "initial_context_length": 4096,
        "initializer_range": 0.02,
        "intermediate_size": shape["intermediate"],
        "layer_types": [kinds[layer % 2] for layer in range(shape["layers"])],
        "max_position_embeddings": 131072,
        "model_type": "gpt_oss",
        "num_attention_heads": shape["heads"],
        "num_experts_per_tok": shape["top_k"],
        "num_hidden_layers": shape["layers"],
        "num_key_value_heads": shape["kv_heads"],
        "num_local_experts": shape["experts"],
        "output_router_logits": False,
        "pad_token_id": tokens.END_OF_TEXT,
        "quantization_config": {
            "modules_to_not_convert": [
                "model.layers.*.self_attn",
                "model.layers.*.mlp.router",
                "model.embed_tokens",
                "lm_head",
            ],
            "quant_method": "mxfp4",
        },
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "factor": 32.0,
            "original_max_position_embeddings": 4096,
            "rope_type": "yarn",
            "truncate": False,
        },
        "rope_theta": 150000,
        "router_aux_loss_coef": 0.9,
        "sliding_window": shape["window"],
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
        "transformers_version": "4.55.0.dev0",
        "use_cache": True,
        "vocab_size": vocabulary.VOCAB_SIZE,
    }


def generation_config() -> dict[str, object]:
    """Return generation_config.json."""
    return {
        "bos_token_id": tokens.START_OF_TEXT,
        "do_sample": True,
        "eos_token_id": [tokens.RETURN, tokens.END_OF_TEXT, tokens.CALL],
        "pad_token_id": tokens.END_OF_TEXT,
        "transformers_version": "4.55.0.dev0",
    }


def full_rows(stored: Tensor, ids: Tensor) -> Tensor:
    """Return all rows of the vocabulary.

    Args:
        stored: BF16 [n + 1, hidden]; the last row is that of every id that is not stored.
        ids: I32 [n], ascending.
    """
    which = np.full(vocabulary.VOCAB_SIZE, len(ids.data), dtype=np.int64)
    which[ids.data.astype(np.int64)] = np.arange(len(ids.data))
    return Tensor("BF16", stored.data[which])


def expand(weights: Path, out: Path) -> None:
    """Write the checkpoint directory `out` from the stored file `weights`."""
    stored, metadata = tensorfile.read(weights)
    ids = stored.pop(ROWS)
    tensors = {}
    for name, tensor in stored.items():
        full = VOCABULARY_TENSORS.get(name)
        tensors[full or name] = full_rows(tensor, ids) if full else tensor
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "config.json": model_config(json.loads(metadata["shape"])),
        "generation_config.json": generation_config(),
        "tokenizer.json": tokenizer.tokenizer_json(),
        "tokenizer_config.json": tokenizer.tokenizer_config(),
    }
    for name, content in files.items():
        indent = None if name == "tokenizer.json" else 2
        text = json.dumps(content, ensure_ascii=False, indent=indent)
        (out / name).write_text(text + "\n", encoding="utf-8")
    tensorfile.write(out / "model.safetensors", tensors, {"format": "pt"})


def main() -> None:
    """Parse the command line and expand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, help="directory to write")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the stored model")
    options = parser.parse_args()
    expand(options.weights, options.out)


if __name__ == "__main__":
    main()
