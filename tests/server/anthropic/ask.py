"""Asking for messages, and reading their events."""

from __future__ import annotations

import json
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter
from starlette.testclient import TestClient

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
Json = dict[str, Any]
SUM = [{"role": "user", "content": "What is 27 + 15?"}]
PARIS = [{"role": "user", "content": "What is the weather in Paris?"}]
WEATHER: Json = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
PLAIN: Json = {"model": "demo", "max_tokens": 200, "temperature": 0}
SHOWN = {"type": "enabled", "budget_tokens": 8000}


def ask(client: TestClient, **body: Any) -> Json:
    """The message that answers; it is what Anthropic's own package says a message is."""
    found = client.post("/v1/messages", json={**PLAIN, **body})
    assert found.status_code == 200, found.text
    answer = found.json()
    assert isinstance(answer, dict)
    Message.model_validate(answer)
    return answer


def events(client: TestClient, **body: Any) -> list[Json]:
    """The events of a streamed answer; each is named by its type, and one of Anthropic's."""
    found = client.post("/v1/messages", json={**PLAIN, **body, "stream": True})
    assert found.status_code == 200, found.text
    assert found.headers["content-type"].startswith("text/event-stream")
    out = []
    for block in found.text.strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        if event["type"] != "ping":
            EVENT.validate_python(event)
        out.append(event)
    return out


def refused(client: TestClient, status: int = 400, path: str = "", **body: Any) -> Json:
    """The error in Anthropic's shape."""
    found = client.post(f"/v1/messages{path}", json={**PLAIN, **body})
    assert found.status_code == status, found.text
    problem = found.json()
    assert sorted(problem) == ["error", "type"]
    assert problem["type"] == "error"
    assert sorted(problem["error"]) == ["message", "type"]
    error = problem["error"]
    assert isinstance(error, dict)
    return error


def texts(message: Json, kind: str = "text") -> str:
    """The texts of a message's blocks of one kind."""
    return "".join(block[kind] for block in message["content"] if block["type"] == kind)
