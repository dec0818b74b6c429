"""Requests to Chat Completions, and what comes back."""

from __future__ import annotations

import json
from typing import Any

from httpx import Response
from starlette.testclient import TestClient

CHAT = "/v1/chat/completions"
SUM = [{"role": "user", "content": "What is 27 + 15?"}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def post(client: TestClient, **fields: Any) -> Response:
    """A chat about 27 + 15, greedy, unless the fields say otherwise."""
    body = {"model": "demo", "messages": SUM, "temperature": 0, **fields}
    return client.post(CHAT, json=body)  # type: ignore[return-value]


def ask(client: TestClient, **fields: Any) -> dict[str, Any]:
    """The answer's body."""
    found = post(client, **fields)
    assert found.status_code == 200, found.text
    body = found.json()
    assert isinstance(body, dict)
    return body


def message(client: TestClient, **fields: Any) -> dict[str, Any]:
    """The first choice's message."""
    found = ask(client, **fields)["choices"][0]["message"]
    assert isinstance(found, dict)
    return found


def chunks(client: TestClient, **fields: Any) -> list[dict[str, Any]]:
    """The chunks of a stream, which ended well."""
    found = post(client, stream=True, **fields)
    assert found.status_code == 200, found.text
    assert found.headers["content-type"].startswith("text/event-stream")
    events = [event for event in found.text.split("\n\n") if event and not event.startswith(":")]
    assert all(event.startswith("data: ") for event in events)
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1]]


def refused(client: TestClient, **fields: Any) -> dict[str, Any]:
    """The error object of a request that is refused with 400."""
    found = post(client, **fields)
    assert found.status_code == 400, (found.status_code, found.text)
    error = found.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert ". Try: " in error["message"]
    return dict(error)


def joined(parts: list[dict[str, Any]], name: str, index: int = 0) -> str:
    """The text of one delta field over a stream."""
    deltas = [c["delta"] for part in parts for c in part["choices"] if c["index"] == index]
    return "".join(delta.get(name) or "" for delta in deltas)
