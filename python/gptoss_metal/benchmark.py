"""Measuring a model: prefill, decode, memory, and the machine's bandwidth beside them."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gptoss_metal import _core
from gptoss_metal.checks import context as checked_context
from gptoss_metal.errors import Error

if TYPE_CHECKING:
    from gptoss_metal.model import Model

BANDWIDTH_BYTES: Final = 1 << 30
WARM_UP: Final = 8
"""Tokens prefilled and decoded before anything is timed."""


@dataclass(frozen=True)
class Plan:
    """How much to compute: tokens of prompt, of answer, and per chunk of prefill.

    ``context`` is what the session has room for; None for just enough.
    """

    prompt_tokens: int
    gen_tokens: int
    chunk: int = 512
    context: int | None = None


def measure(name: str, plan: Plan, load: Callable[[str], Model]) -> dict[str, Any]:
    """Measures one model on random tokens, greedily decoded.

    Args:
        name: of the model.
        plan: how much to compute.
        load: opens it; timed.

    Returns:
        JSON-ready: speeds in tokens/s, ``bytes_per_token``, ``read_bandwidth`` and
        ``decode_bandwidth`` in GB/s (10^9 bytes) and their quotient ``fraction_of_bandwidth``,
        seconds, and ``peak_extra_bytes``: the largest memory seen beyond the mapped file.

    Raises:
        Error: there is no such model, or the tokens do not fit its context.
    """
    begun = time.perf_counter()
    model = load(name)
    load_seconds = time.perf_counter() - begun
    needed = plan.prompt_tokens + plan.gen_tokens
    if needed > model.context:
        raise Error(f"[bench] {needed} tokens do not fit a context of {model.context}. Try: fewer.")
    rng = np.random.default_rng(0)
    vocab = model.config.vocab_size
    prompt = rng.integers(0, vocab, plan.prompt_tokens, np.int32)
    context = checked_context(plan.context or max(needed, 2 * WARM_UP), model.config)
    session = model.session(context, plan.chunk)
    memory = [extra_bytes(model.info.file_bytes)]
    _decode(session, rng.integers(0, vocab, WARM_UP, np.int32), WARM_UP, vocab)
    prefill_seconds, decode_seconds = _decode(session, prompt, plan.gen_tokens, vocab)
    memory.append(extra_bytes(model.info.file_bytes))
    bandwidth = _core.read_bandwidth(model.info.threads, BANDWIDTH_BYTES)
    decode_tps = plan.gen_tokens / decode_seconds
    decode_bandwidth = decode_tps * model.info.bytes_per_token / 1e9
    return {
        "model": model.info.path,
        "dense": model.info.dense,
        "backend": model.info.backend,
        "device": model.info.device,
        "isa": model.info.isa,
        "threads": model.info.threads,
        "precision": model.info.precision,
        "context": session.context,
        "chunk": plan.chunk,
        "prompt_tokens": plan.prompt_tokens,
        "gen_tokens": plan.gen_tokens,
        "load_seconds": load_seconds,
        "prefill_seconds": prefill_seconds,
        "decode_seconds": decode_seconds,
        "prefill_tps": plan.prompt_tokens / prefill_seconds,
        "decode_tps": decode_tps,
        "bytes_per_token": model.info.bytes_per_token,
        "read_bandwidth": bandwidth,
        "decode_bandwidth": decode_bandwidth,
        "fraction_of_bandwidth": decode_bandwidth / bandwidth,
        "file_bytes": model.info.file_bytes,
        "peak_extra_bytes": max(memory),
    }


def _decode(session: _core.Session, prompt: Any, steps: int, vocab: int) -> tuple[float, float]:
    """Seconds of a prefill from scratch, and of so many greedy steps after it."""
    sampler = _core.Sampler(vocab, temperature=0.0)
    session.rewind(0)
    begun = time.perf_counter()
    session.sync(prompt)
    ready = time.perf_counter()
    for _ in range(steps):
        session.step(sampler.sample(session.logits()))
    return ready - begun, time.perf_counter() - ready


def extra_bytes(file_bytes: int) -> int:
    """Memory of this process beyond mapped files, in bytes.

    Linux counts it; elsewhere it is the peak of all resident memory, less the file.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text("ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    return max(0, peak * unit - file_bytes)
