"""llama-bench itself, to show that our worker over the same library measures what it does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .process import warm


def llama_bench(program: Path, file: Path, threads: int, steps: int) -> dict[str, float]:
    """Return tokens/s of prefill and decode without depth, by the names of our tests.

    Raises:
        CalledProcessError: it failed.
    """
    warm(file)
    sizes = ["-p", "128,512", "-n", str(steps), "-r", "2", "-t", str(threads)]
    # Without a mapped file, as our worker does: it would hold a repacked copy besides.
    command = [str(program), "-m", str(file), "-lm", "none", *sizes, "-o", "json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    results: list[dict[str, Any]] = json.loads(output)
    return {
        f"prefill{one['n_prompt']}" if one["n_prompt"] else "decode": float(one["avg_ts"])
        for one in results
    }
