"""How the server holds up when several clients stream at once.

    python -m benchmarks.serve [MODEL | --shape 20b] [--streams N] [--rounds N] [--json]

One server process on the CPU backend. In every round prompts run alone, then all together, then
alone again, greedily; the speed together is divided by the mean of the two beside it, and the
median of the rounds is reported beside each of them: a machine's bus may be twice as fast a minute
later. Every stream must get the tokens it gets alone. Then the gaps between tokens of
a running stream while long prompts arrive, and in turns with them the times of single chunks.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import importlib.resources
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.running import running

VOCAB_WORDS = 100_000
"""Prompts are random ordinary ids below this."""
PROMPTS = 2
"""How many prompts arrive in a round while a stream runs."""
PROMPT_CHUNKS = 2
"""The chunks of each of them, before its last token."""


@dataclass
class Told:
    """One stream: its text, when pieces of it came (seconds), and its tokens."""

    text: str = ""
    times: list[float] = field(default_factory=list)
    tokens: int = 0


async def stream(
    client: httpx.AsyncClient, prompt: list[int], tokens: int, begun: asyncio.Event | None = None
) -> Told:
    """Completes a prompt of ids greedily; `begun` is set when the first text is there."""
    told = Told()
    body = {
        "model": "bench",
        "prompt": prompt,
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with client.stream("POST", "/v1/completions", json=body, timeout=None) as reply:
        if reply.status_code != 200:
            raise SystemExit((await reply.aread()).decode())
        async for line in reply.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            if chunk.get("usage"):
                told.tokens = chunk["usage"]["completion_tokens"]
            for choice in chunk["choices"]:
                if choice["text"]:
                    told.text += choice["text"]
                    told.times.append(time.perf_counter())
                    if begun is not None:
                        begun.set()
    return told


def rate(streams: list[Told]) -> float:
    """Tokens per second while all of them decode: from the last first token to the first end.

    The sum of the streams' own speeds, each between two of its pieces: tokens of one step arrive
    one after the other, so to count all streams' up to the moment when one ends leaves some out.
    """
    begin = max(told.times[0] for told in streams)
    end = min(told.times[-1] for told in streams)
    total = 0.0
    for told in streams:
        inside = [moment for moment in told.times if begin <= moment <= end]
        if len(inside) < 2:
            raise SystemExit("[serve] streams hardly overlap. Try: more --tokens.")
        pieces = (len(inside) - 1) / (inside[-1] - inside[0])
        total += pieces * told.tokens / len(told.times)  # a piece may complete several tokens
    return total


async def chunk_seconds(client: httpx.AsyncClient, plan: argparse.Namespace, rng: Any) -> float:
    """Time of one prefill chunk and one token."""
    prompt = rng.integers(0, VOCAB_WORDS, plan.chunk + 1).tolist()
    begun = time.perf_counter()
    await stream(client, prompt, 1)
    return time.perf_counter() - begun


async def gaps(client: httpx.AsyncClient, plan: argparse.Namespace, rng: Any) -> dict[str, Any]:
    """A running stream's gaps while prompts of several chunks arrive, and chunks' own times.

    As many chunks are timed alone as fall into gaps. So if a gap is as long as a chunk, the slowest
    hundredth of all gaps are as slow as `chunk_same_rank`: the slowest of as many chunks.
    """
    chunks: list[float] = []
    between: list[float] = []
    for _ in range(plan.rounds):
        for _ in range(PROMPTS * PROMPT_CHUNKS):
            chunks.append(await chunk_seconds(client, plan, rng))
        prompt = rng.integers(0, VOCAB_WORDS, plan.prompt).tolist()
        begun = asyncio.Event()
        running = asyncio.create_task(stream(client, prompt, 2 * plan.tokens, begun))
        await begun.wait()
        for _ in range(PROMPTS):
            size = PROMPT_CHUNKS * plan.chunk + 1
            await stream(client, rng.integers(0, VOCAB_WORDS, size).tolist(), 1)
        between += np.diff((await running).times).tolist()
    same_rank = max(0.0, 1 - 0.01 * len(between) / len(chunks))  # 0: chunks are rarer than that
    return {
        "chunk_seconds": statistics.median(chunks),
        "chunk_same_rank": float(np.quantile(chunks, same_rank)),
        "gap_median": float(np.median(between)),
        "gap_p99": float(np.quantile(between, 0.99)),
        "gap_max": max(between),
    }


@dataclass
class Round:
    """Speeds in tokens per second: of one stream before, of all together, of one stream after."""

    before: float
    together: float
    after: float

    @property
    def alone(self) -> float:
        """One stream's, at the time of the others."""
        return (self.before + self.after) / 2

    @property
    def ratio(self) -> float:
        """How many times one stream's speed all of them have."""
        return self.together / self.alone


async def measure(url: str, plan: argparse.Namespace) -> dict[str, Any]:
    """Runs everything against one server."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(0, VOCAB_WORDS, plan.prompt).tolist() for _ in range(plan.streams)]
    rounds: list[Round] = []
    same = 0
    async with httpx.AsyncClient(base_url=url) as client:
        await stream(client, prompts[0][:2], 4)  # warms up
        expected = [(await stream(client, prompt, plan.tokens)).text for prompt in prompts]
        for number in range(plan.rounds):
            prompt = prompts[number % plan.streams]
            before = await stream(client, prompt, plan.tokens)
            together = await asyncio.gather(
                *(stream(client, prompt, plan.tokens) for prompt in prompts)
            )
            after = await stream(client, prompt, plan.tokens)
            rounds.append(Round(rate([before]), rate(together), rate([after])))
            same += sum(text == told.text for text, told in zip(expected, together, strict=True))
        between = await gaps(client, plan, rng)
    return {
        "streams": plan.streams,
        "same_text": same,
        "same_text_of": plan.streams * plan.rounds,
        "tps_alone": statistics.median(each.alone for each in rounds),
        "tps_together": statistics.median(each.together for each in rounds),
        "ratio": statistics.median(each.ratio for each in rounds),
        "ratios": sorted(each.ratio for each in rounds),
        **between,
    }


def random_model(folder: str, shape: str) -> str:
    """A model file of random weights that has a vocabulary."""
    from gptoss_metal import convert

    packed = importlib.resources.files("bpe_openai") / "data" / "o200k_base.tiktoken.gz"
    vocabulary = gzip.decompress(packed.read_bytes())
    target = Path(folder) / f"random-{shape}.safetensors"
    config = convert.SHAPES[shape]
    return str(convert.write_random_model(target, config, tokenizer_bytes=vocabulary))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="demo", help="a name or a path")
    parser.add_argument("--shape", choices=["20b", "120b"], help="random weights of this shape")
    parser.add_argument("--folder", help="where to write them; a temporary one by default")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=24)
    parser.add_argument("--chunk", type=int, default=128)
    parser.add_argument("--json", action="store_true")
    plan = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=plan.folder) as folder:
        model = random_model(folder, plan.shape) if plan.shape else plan.model
        options = ("--parallel", str(plan.streams), "--chunk", str(plan.chunk))
        with running(
            model, "--served-model-name", "bench", "--disk-cache", "0", *options
        ) as server:
            found = asyncio.run(measure(server.url, plan))
    if plan.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:16} {value:.3f}" if isinstance(value, float) else f"{name:16} {value}")


if __name__ == "__main__":
    main()
