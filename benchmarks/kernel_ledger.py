"""What one decoded token costs per kernel, counted by software Metal at gpt-oss-20b's widths.

    make build-metal
    PYTHONPATH=build/softmetal/site .venv/bin/python benchmarks/kernel_ledger.py [--context N]

Two layers (one with a window, one with full attention) of random weights, checked mode, one token
behind a context. For each kernel: dispatches, device bytes it touched at least once ("unique") and
in all, and the unique bytes over the weight and cache bytes that it cannot do without. These are
counts, not times: what the GPU's caches make of repeated reads only a Mac can tell.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from gptoss_metal import Model, _core
from gptoss_metal.convert import shape, write_random_model

Q8 = 1 + 2 / 32  # bytes per dense weight
MXFP4 = 17 / 32
HIDDEN = WIDTH = 2880
QKV, HEADS = 5120, 4096
TOP_K, EXPERTS, VOCAB = 4, 32, 2011


def ideal(context: int, window: int) -> dict[str, float]:
    """Bytes of weights and cache that each kernel must read for one token in two layers."""
    seen = min(window, context + 1) + context + 1
    return {
        "qkv": 2 * QKV * HIDDEN * Q8,
        "attention_decode": seen * 2 * 8 * 64 * 2,
        "out": 2 * HIDDEN * HEADS * Q8,
        "router": 2 * EXPERTS * HIDDEN * 2,
        "gate_up": 2 * TOP_K * 2 * WIDTH * HIDDEN * MXFP4,
        "down": 2 * TOP_K * HIDDEN * WIDTH * MXFP4,
        "unembed": VOCAB * HIDDEN * Q8,
    }


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--context", type=int, default=300, help="tokens before the counted one")
    context = parser.parse_args().context
    softmetal = _core.softmetal
    with tempfile.TemporaryDirectory() as folder:
        config = shape(num_hidden_layers=2, vocab_size=VOCAB)
        path = write_random_model(Path(folder, "two-layers.safetensors"), config)
        session = Model.load(path, backend="metal").session(context=context + 1)
        prompt = np.random.default_rng(0).integers(0, VOCAB, context).tolist()
        session.sync(prompt)
        softmetal.set_mode("checked")
        softmetal.reset_ledger()
        session.step(0)
        ledger = softmetal.ledger()
    needed = ideal(context, config.sliding_window)
    print(f"one token behind {context}, two layers of 20b's width, q8")
    print(f"{'kernel':18} {'dispatches':>10} {'unique MB':>10} {'over ideal':>10} {'all MB':>9}")
    for name, entry in ledger["kernels"].items():
        unique = entry["unique_read"] + entry["unique_written"]
        total = entry["bytes_read"] + entry["bytes_written"]
        share = f"{entry['unique_read'] / needed[name]:10.3f}" if name in needed else f"{'':10}"
        print(f"{name:18} {entry['dispatches']:10} {unique / 1e6:10.3f} {share} {total / 1e6:9.2f}")
    print(
        f"{sum(e['dispatches'] for e in ledger['kernels'].values())} dispatches, "
        f"{ledger['encoder_barriers']} barriers, {ledger['command_buffers']} command buffers; "
        f"findings: {len(softmetal.take_findings())}"
    )


if __name__ == "__main__":
    main()
