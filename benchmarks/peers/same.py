"""Whether two programs compute the same model: the correlation of their logits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from .process import Worker, warm
from .rounds import Contender

TOKENS: Final = 16


def correlation(first: Contender, second: Contender, vocabulary: int) -> float:
    """Return the correlation of both programs' logits behind the same random tokens.

    Raises:
        Error: a process ended early.
    """
    tokens = np.random.default_rng(0).integers(0, vocabulary, TOKENS)
    listed = " ".join(str(token) for token in tokens)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate((first, second)):
            file = Path(folder) / f"{number}"
            if one.file:
                warm(one.file)
            with Worker(one.command) as worker:
                worker.seconds(f"logits {file} {listed}")
            found.append(np.fromfile(file, np.float32))
    centred = [logits - logits.mean() for logits in found]
    norms = [float(np.linalg.norm(logits)) for logits in centred]
    return float(np.dot(*centred)) / (norms[0] * norms[1])
