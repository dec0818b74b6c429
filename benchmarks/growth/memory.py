"""The memory of a session whose context is full, in a process of its own.

python -m benchmarks.growth.memory MODEL CONTEXT
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.peers.build import ROOT
from gptoss_metal import _core
from gptoss_metal.benchmark import extra_bytes
from gptoss_metal.errors import Error

from .cache import PAGE, Cache

CHUNK: Final = 512


@dataclass(frozen=True)
class Memory:
    """Bytes of one process with one session of so many tokens.

    Attributes:
        session: what `Model.session_bytes` says beforehand.
        cache: what `Model.cache_bytes` says once the context is full.
        loaded: resident beside the mapped file before there was a session.
        full: likewise once the context is full.
    """

    context: int
    session: int
    cache: int
    loaded: int
    full: int


def of(model: Path, context: int) -> Memory:
    """Measure one context in a new process.

    Raises:
        Error: it ended early.
    """
    command = [sys.executable, "-m", "benchmarks.growth.memory", str(model), str(context)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = " ".join(done.stderr.split())[-500:]
        raise Error(f"[growth] memory of {context}: {last}. Try: {' '.join(command)}")
    return Memory(**json.loads(done.stdout))


def measure(path: str, context: int) -> Memory:
    """Measure this process: all but the last chunk of the context is loaded, that is computed.

    Raises:
        Error: the context is no whole number of pages, or one page only.
    """
    model = _core.Model(path)
    loaded = extra_bytes(model.file_bytes)
    session = _core.Session(model, context, CHUNK)
    prefix = Cache(model, np.random.default_rng(0)).prefix(context - max(PAGE, CHUNK))
    session.restore(prefix)
    session.sync(np.concatenate([prefix.tokens, prefix.tokens[: context - prefix.length]]))
    session.logits()
    del prefix
    return Memory(
        context,
        model.session_bytes(context, CHUNK),
        model.cache_bytes,
        loaded,
        extra_bytes(model.file_bytes),
    )


if __name__ == "__main__":
    try:
        print(json.dumps(asdict(measure(sys.argv[1], int(sys.argv[2])))))
    except Error as error:
        sys.exit(str(error))
