"""How much of this machine's read bandwidth decoding reaches, over several runs.

    python benchmarks/decode_share.py [MODEL] [--runs N] [--gen-tokens N]

Each run loads the model anew and measures the bandwidth beside it, so that a machine that drifts
drifts for both. Prints one line per run, then minimum, median and maximum.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any


def run(model: str, gen_tokens: int) -> dict[str, Any]:
    """One `gptoss-metal bench`, as its JSON object."""
    command = [
        *(sys.executable, "-m", "gptoss_metal", "bench", model, "--json"),
        *("--prompt-tokens", "32", "--gen-tokens", str(gen_tokens)),
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="demo", help="a name or a path")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--gen-tokens", type=int, default=32)
    options = parser.parse_args()
    shares = []
    for _ in range(options.runs):
        found = run(options.model, options.gen_tokens)
        shares.append(found["fraction_of_bandwidth"])
        print(
            f"decode {found['decode_tps']:8.2f} tok/s = {found['decode_bandwidth']:6.2f} of "
            f"{found['read_bandwidth']:6.2f} GB/s: {shares[-1]:.1%}"
        )
    middle = statistics.median(shares)
    print(f"share: min {min(shares):.1%}, median {middle:.1%}, max {max(shares):.1%}")


if __name__ == "__main__":
    main()
