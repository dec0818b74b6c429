"""Clients that come, leave and change their minds: the server ends where it began."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import httpx
import pytest

from tests.load.agent import READ
from tests.load.metrics import metric
from tests.running import Running, running

CLIENTS = 24
SECONDS = 600
GROWTH = 200 << 20
"""Bytes that the process may have grown by: caches of the allocator and of regexes."""


async def one_request(client: httpx.AsyncClient, rng: random.Random, seen: dict[str, int]) -> None:
    """A request of a random kind, left at a random moment or read to its end."""
    numbers = f"{rng.randint(0, 99)} + {rng.randint(0, 99)}"
    text = f"What is {numbers}?" if rng.random() < 0.5 else "word " * rng.randint(1, 700)
    streams = rng.random() < 0.7
    body = {
        "model": "demo",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": rng.choice([1, 8, 64, 200]),
        "stream": streams,
    }
    if rng.random() < 0.3:
        body["tools"] = [READ]
    try:
        async with asyncio.timeout(rng.choice([0.01, 0.1, 0.5, 2, 60])):
            async with client.stream("POST", "/v1/chat/completions", json=body) as reply:
                seen[str(reply.status_code)] = seen.get(str(reply.status_code), 0) + 1
                pieces = rng.choice([0, 1, 5, 10**9])
                async for _ in reply.aiter_lines():
                    pieces -= 1
                    if pieces < 0:
                        return
    except TimeoutError:
        seen["left"] = seen.get("left", 0) + 1


async def crowd(url: str, seconds: float, seen: dict[str, int]) -> None:
    """All clients, each with requests one after the other."""
    end = time.monotonic() + seconds

    async def client_of(number: int) -> None:
        rng = random.Random(number)
        async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as client:
            while time.monotonic() < end:
                await one_request(client, rng, seen)
                await asyncio.sleep(rng.random() * 0.2)

    await asyncio.gather(*(client_of(number) for number in range(CLIENTS)))


def resident(server: Running) -> int:
    """Anonymous memory of the server's process, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def settled(server: Running) -> None:
    """Waits until nothing runs and nothing waits."""
    end = time.monotonic() + 60
    while metric(server, "gptoss_metal_running") or metric(server, "gptoss_metal_waiting"):
        assert time.monotonic() < end, "requests are stuck"
        time.sleep(0.1)


def chaos(path: Path, seconds: float) -> dict[str, int]:
    """Warms a server up, lets the crowd in, and holds it to its start."""
    cache = 64e6  # small enough to be full after the warm-up
    limits = ("--cache-memory", str(cache / 1e9), "--disk-cache", "0", "--queue", "64")
    seen: dict[str, int] = {}
    with running(path, "--served-model-name", "demo", *limits) as server:
        asyncio.run(crowd(server.url, min(20, seconds), {}))
        settled(server)
        before = resident(server)
        asyncio.run(crowd(server.url, seconds, seen))
        settled(server)
        after = resident(server)
        print(f"{seen}, memory {before >> 20} -> {after >> 20} MiB")
        assert metric(server, "gptoss_metal_cache_bytes") <= cache
        assert after - before < GROWTH
        answer = httpx.post(
            f"{server.url}/v1/chat/completions",
            json={
                "model": "demo",
                "messages": [{"role": "user", "content": "What is 27 + 15?"}],
                "temperature": 0,
            },
            timeout=60,
            trust_env=False,
        )
        assert answer.json()["choices"][0]["message"]["content"] == "27 + 15 = 42."
        assert "Traceback" not in server.said, server.said
    return seen


def test_a_short_crowd_leaves_nothing_behind(demo_path: Path) -> None:
    seen = chaos(demo_path, 15)
    assert set(seen) <= {"200", "429", "left"}
    assert seen["200"] > 0


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_ten_minutes_of_it(demo_path: Path) -> None:
    seen = chaos(demo_path, SECONDS)
    assert set(seen) <= {"200", "429", "left"}
    assert seen["left"] > 0
