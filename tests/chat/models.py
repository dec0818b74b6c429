"""Small models of random weights, for what needs no sense in the answers."""

from __future__ import annotations

from pathlib import Path

from gptoss_metal.convert import shape, write_random_model


def write_small(path: Path, *, vocab: int = 640, vocabulary: bytes | None = None) -> Path:
    """Two layers of width 64 and 1024 tokens of context."""
    config = shape(
        num_hidden_layers=2,
        num_local_experts=4,
        num_experts_per_tok=2,
        hidden_size=64,
        intermediate_size=64,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=vocab,
        sliding_window=16,
        max_position_embeddings=1024,
    )
    return write_random_model(path, config, tokenizer_bytes=vocabulary)
