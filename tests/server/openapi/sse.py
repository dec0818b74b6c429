"""Server-sent events, read from a real connection."""

from __future__ import annotations

import json
from typing import Any

import httpx

TIMEOUT = 120.0


def events(url: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    """What a streaming request is answered with: (event name, data), ``[DONE]`` as it is."""
    found: list[tuple[str, Any]] = []
    with (
        httpx.Client(timeout=TIMEOUT, trust_env=False) as client,
        client.stream("POST", url, json={**body, "stream": True}) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    assert text.endswith("\n\n"), "the last event is cut off"
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
        if data:  # a block of comments alone keeps the connection alive
            joined = "\n".join(data)
            found.append((name, joined if joined == "[DONE]" else json.loads(joined)))
    return found
