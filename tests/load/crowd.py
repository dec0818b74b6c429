"""Clients of every API that come, leave and change their minds."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from tests.load.agent import READ

CLIENTS = 24
PATIENCE = (0.01, 0.1, 0.5, 2)
"""Seconds after which a client leaves, if it is one that leaves."""
STUCK = 120
"""Seconds after which a request that nobody left counts as stuck."""

Body = dict[str, Any]


def _chat(text: str, limit: int, tool: Body | None) -> Body:
    tools = {} if tool is None else {"tools": [{"type": "function", "function": tool}]}
    return {"messages": [{"role": "user", "content": text}], "max_tokens": limit, **tools}


def _responses(text: str, limit: int, tool: Body | None) -> Body:
    tools = {} if tool is None else {"tools": [{"type": "function", **tool}]}
    return {"input": text, "max_output_tokens": max(limit, 16), **tools}


def _ollama(text: str, limit: int, tool: Body | None) -> Body:
    tools = {} if tool is None else {"tools": [{"type": "function", "function": tool}]}
    options = {"num_predict": limit}
    return {"messages": [{"role": "user", "content": text}], "options": options, **tools}


def _anthropic(text: str, limit: int, tool: Body | None) -> Body:
    tools = {}
    if tool is not None:
        tools = {"tools": [{"name": tool["name"], "input_schema": tool["parameters"]}]}
    return {"messages": [{"role": "user", "content": text}], "max_tokens": limit, **tools}


APIS: tuple[tuple[str, Callable[[str, int, Body | None], Body]], ...] = (
    ("/v1/chat/completions", _chat),
    ("/v1/responses", _responses),
    ("/api/chat", _ollama),
    ("/v1/messages", _anthropic),
)


def one_of_each(url: str) -> None:
    """A request to every API, read to its end."""
    for path, body_of in APIS:
        body = body_of("Hello", 16, None) | {"model": "demo", "stream": False}
        httpx.post(url + path, json=body, timeout=STUCK, trust_env=False).raise_for_status()


async def _one_request(client: httpx.AsyncClient, rng: random.Random, seen: Counter[str]) -> None:
    """A request of a random kind, left at a random moment or read to its end."""
    path, body_of = rng.choice(APIS)
    sum_asked = f"What is {rng.randint(0, 99)} + {rng.randint(0, 99)}?"
    text = rng.choice([sum_asked, "word " * rng.randint(1, 700)])
    tool = READ["function"] if rng.random() < 0.3 else None
    assert tool is None or isinstance(tool, dict)
    body = body_of(text, rng.choice([1, 8, 64, 200]), tool)
    body |= {"model": "demo", "stream": rng.random() < 0.7}
    patience = rng.choice((*PATIENCE, STUCK))
    try:
        async with asyncio.timeout(patience), client.stream("POST", path, json=body) as reply:
            seen[str(reply.status_code)] += 1
            if await _leaves(reply, rng.choice([0, 1, 5, 10**9])):
                seen["left"] += 1
            else:
                seen["read to its end"] += 1
    except TimeoutError:
        seen["stuck" if patience == STUCK else "left"] += 1


async def _leaves(reply: httpx.Response, lines: int) -> bool:
    """Reads so many lines; whether there were more."""
    async for _ in reply.aiter_lines():
        if lines == 0:
            return True
        lines -= 1
    return False


async def crowd(url: str, seconds: float, seed: int) -> Counter[str]:
    """All clients for that long, each with one request after the other.

    Returns:
        How many requests got each status, were left, read to their end, or got stuck.
    """
    seen = Counter[str]()
    end = time.monotonic() + seconds

    async def client_of(number: int) -> None:
        rng = random.Random(1000 * seed + number)
        async with httpx.AsyncClient(base_url=url, timeout=2 * STUCK, trust_env=False) as client:
            while time.monotonic() < end:
                await _one_request(client, rng, seen)
                await asyncio.sleep(rng.random() * 0.2)

    await asyncio.gather(*(client_of(number) for number in range(CLIENTS)))
    return seen
