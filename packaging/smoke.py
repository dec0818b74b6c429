"""Shows that an installed wheel works: a small random model answers, wherever it computes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from gptoss_metal import Model, _core
from gptoss_metal.convert import shape, write_random_model


def main() -> None:
    """Computes the same logits with every backend that can be used here."""
    config = shape(
        num_hidden_layers=2, num_local_experts=4, num_experts_per_tok=4, hidden_size=64,
        intermediate_size=64, num_attention_heads=4, num_key_value_heads=2, vocab_size=515,
        max_position_embeddings=1024,
    )  # fmt: skip
    backends = sorted({"cpu", _core.default_backend()})
    with tempfile.TemporaryDirectory() as folder:
        path = write_random_model(Path(folder) / "small.safetensors", config)
        logits = [Model.load(path, name, "exact").logits(list(range(40))) for name in backends]
    assert logits[0].shape == (40, 515)
    for other in logits:
        assert np.abs(other - logits[0]).max() < 1e-3 * logits[0].std()
    print(f"{', '.join(backends)}: {logits[0].std():.3f}")


if __name__ == "__main__":
    main()
