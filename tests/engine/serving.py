"""Answers prompts for ever, with a small memory and a disk: run, and killed, by test_restart.py.

Prints a line for each answer: the seed, and the tokens.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from gptoss_metal import Model
from gptoss_metal.engine import DiskStore, Engine, Limits
from gptoss_metal.engine.footprint import Footprint
from tests.engine.jobs import ids, job


def main(path: Path, folder: Path) -> None:
    """Goes round ten conversations, which do not fit into memory together."""
    model = Model.load(path, threads=1)
    footprint = Footprint.of(model.core, 64)
    limits = Limits(chunk=64, cache_bytes=footprint.session(1024) + 2 * footprint.page)
    engine = Engine(lambda: model, limits, DiskStore(folder, 1 << 30))
    engine.start()
    for number in count():
        seed = number % 10
        tokens = ids(engine.submit(job(500 + seed, 6, seed=seed, marks=(490,))))
        print(seed, *tokens, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
