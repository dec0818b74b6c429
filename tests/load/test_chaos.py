"""A crowd of clients that come, leave and change their minds: the server ends where it began."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.load.crowd import crowd, one_of_each
from tests.load.metrics import metric
from tests.running import Running, running

CACHE = 64e6
"""Bytes of keys and values that the server may keep: few, so that the warm-up fills them."""


def resident(server: Running) -> int:
    """Anonymous memory of the server's process, in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) >> 10


def open_files(server: Running) -> Counter[str]:
    """What the server's process has open: paths, and kinds of the nameless ones."""
    found = Counter[str]()
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed in between
            found[str(entry.readlink()).split(":")[0]] += 1
    return found


def settle(server: Running) -> None:
    """Waits until nothing runs and nothing waits."""
    numbers = ("gptoss_metal_running", "gptoss_metal_waiting")
    wait_until(lambda: not any(metric(server, number) for number in numbers), "requests are stuck")


def wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    """Waits for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)


def answers(server: Running) -> bool:
    """Whether a sum is still right."""
    reply = httpx.post(
        f"{server.url}/v1/chat/completions",
        json={
            "model": "demo",
            "messages": [{"role": "user", "content": "What is 27 + 15?"}],
            "temperature": 0,
        },
        timeout=60,
        trust_env=False,
    )
    return bool(reply.json()["choices"][0]["message"]["content"] == "27 + 15 = 42.")


def chaos(path: Path, warm_up: float, rounds: int, seconds: float, growth: int) -> None:
    """Warms a server up, lets the crowd in so many times, and holds it to its start.

    Args:
        growth: MiB that the process may grow by in the second half of the rounds (after the
            warm-up, when there is one round): in the first half its bounded caches may still fill.
    """
    limits = ("--cache-memory", str(CACHE / 1e9), "--disk-cache", "0", "--queue", "64")
    with running(path, "--served-model-name", "demo", *limits) as server:
        one_of_each(server.url)
        asyncio.run(crowd(server.url, warm_up, 0))
        settle(server)
        memory, files = [resident(server)], open_files(server)
        seen = Counter[str]()
        for number in range(rounds):
            seen += asyncio.run(crowd(server.url, seconds, number + 1))
            settle(server)
            memory.append(resident(server))
        print(dict(seen), "MiB:", *memory)
        assert metric(server, "gptoss_metal_cache_bytes") <= CACHE
        assert metric(server, "gptoss_metal_failed_total") == 0
        assert metric(server, "gptoss_metal_crashes_total") == 0
        wait_until(lambda: open_files(server) <= files, "something stays open")
        assert memory[-1] - memory[rounds // 2] < growth
        assert answers(server)
        assert not any("Traceback" in line for line in server.log), "\n".join(server.log)
    assert set(seen) <= {"200", "429", "left", "read to its end"}
    assert seen["left"] > 0
    assert seen["read to its end"] > 0


def test_a_short_crowd_leaves_nothing_behind(demo_path: Path) -> None:
    chaos(demo_path, 15, 1, 15, growth=100)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_ten_minutes_of_it(demo_path: Path) -> None:
    chaos(demo_path, 60, 10, 60, growth=32)
