"""Asking Ollama's API, and reading its lines."""

from __future__ import annotations

import json
from typing import Any

from starlette.testclient import TestClient

Json = dict[str, Any]
SUM = [{"role": "user", "content": "What is 27 + 15?"}]
GREEDY = {"temperature": 0}
WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PARIS = [{"role": "user", "content": "What is the weather in Paris?"}]
COUNTS = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)


def ask(client: TestClient, path: str, **body: Any) -> Json:
    """The one object of an answer that is not streamed."""
    found = client.post(path, json={"model": "demo", "stream": False, "options": GREEDY, **body})
    assert found.status_code == 200, found.text
    answer = found.json()
    assert isinstance(answer, dict)
    return answer


def lines(client: TestClient, path: str, **body: Any) -> list[Json]:
    """The lines of a streamed answer."""
    found = client.post(path, json={"model": "demo", "options": GREEDY, **body})
    assert found.status_code == 200, found.text
    assert found.headers["content-type"] == "application/x-ndjson"
    assert found.text.endswith("\n")
    return [json.loads(line) for line in found.text.splitlines()]


def refused(client: TestClient, path: str, status: int = 400, **body: Any) -> str:
    """The text of an error in Ollama's shape."""
    found = client.post(path, json={"model": "demo", **body})
    assert found.status_code == status, found.text
    problem = found.json()
    assert list(problem) == ["error"]
    text = problem["error"]
    assert isinstance(text, str)
    assert ". Try: " in text
    return text
