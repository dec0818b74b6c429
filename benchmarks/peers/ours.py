"""gptoss-metal as a measured process; the commands are those of llama/worker.cpp.

python -m benchmarks.peers.ours MODEL STATES
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gptoss_metal import _core
from gptoss_metal.errors import Error

WARM_UP: Final = 4
WARM_UP_PROMPT: Final = 32
CHUNK: Final = 512


class Ours:
    """One model on the CPU backend, with as many threads as it chooses."""

    def __init__(self, path: str, states: str) -> None:
        self.model = _core.Model(path)
        self._states = states
        self._vocab = int(self.model.config["vocab_size"])
        self._rng = np.random.default_rng(0)

    def prefill(self, count: int) -> float:
        """Seconds to compute so many random tokens from nothing."""
        session = _core.Session(self.model, count, CHUNK)
        session.sync(self._tokens(min(count, WARM_UP_PROMPT)))
        session.rewind(0)
        tokens = self._tokens(count)
        begun = time.perf_counter()
        session.sync(tokens)
        session.logits()
        return time.perf_counter() - begun

    def decode(self, depth: int, count: int) -> float:
        """Seconds to compute so many random tokens one by one behind `depth` others."""
        session = _core.Session(self.model, depth + WARM_UP + count, CHUNK)
        if depth:
            session.restore(self._prefix(depth))
        self._generate(session, WARM_UP)
        begun = time.perf_counter()
        self._generate(session, count)
        return time.perf_counter() - begun

    def logits(self, file: str, tokens: list[int]) -> None:
        """Write the float32 logits behind these tokens to a file."""
        session = _core.Session(self.model, len(tokens), CHUNK)
        session.sync(tokens)
        session.logits().tofile(file)

    def _generate(self, session: _core.Session, count: int) -> None:
        for token in self._tokens(count):
            session.step(int(token))
            session.logits()

    def _tokens(self, count: int) -> NDArray[np.int32]:
        return self._rng.integers(0, self._vocab, count, np.int32)

    def _prefix(self, depth: int) -> _core.Prefix:
        """What so many tokens leave in the cache: from a file, if an earlier process kept it."""
        file = Path(f"{self._states}{depth}.npz")
        if file.is_file():
            with np.load(file) as kept:
                pages = [page.tobytes() for page in np.split(kept["pages"], kept["ends"][:-1])]
                tokens, window = kept["tokens"], kept["window"].tobytes()
            return _core.Prefix.load(self.model, tokens, pages, window)
        session = _core.Session(self.model, depth, CHUNK)
        session.sync(self._tokens(depth))
        prefix = session.checkpoint()
        pages = [prefix.page(index) for index in range(prefix.page_count())]
        np.savez(
            file,
            tokens=prefix.tokens,
            window=np.frombuffer(prefix.window(), np.uint8),
            pages=np.frombuffer(b"".join(pages), np.uint8),
            ends=np.cumsum([len(page) for page in pages]),
        )
        return prefix


def answer(ours: Ours, line: str) -> float:
    """Carry out one command and return its seconds."""
    match line.split():
        case ["prefill", count]:
            return ours.prefill(int(count))
        case ["decode", depth, count]:
            return ours.decode(int(depth), int(count))
        case ["logits", file, *tokens]:
            ours.logits(file, [int(token) for token in tokens])
            return 0.0
    raise Error(f"[peers] unknown command: {line.strip()}. Try: prefill 128")


def main() -> None:
    """Load, compute one token, then answer commands."""
    path, states = sys.argv[1:]
    ours = Ours(path, states)
    session = _core.Session(ours.model, 1, 1)
    session.step(0)
    session.logits()
    print(json.dumps({"threads": ours.model.threads, "isa": ours.model.isa}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": answer(ours, line)}), flush=True)


if __name__ == "__main__":
    main()
