"""OpenAI's client, and a client of the application in this process that reads events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient

from tests.server.responses.strict import Wire, check_response, check_stream, read_events

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Current weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
REPORT = '{"temperature": 21, "condition": "sunny"}'

Ask = Callable[..., Wire]


@pytest.fixture
def ask(client: TestClient) -> Ask:
    """Asks for a response, whole and at temperature 0, and checks it."""

    def ask_(input: Any = None, **more: Any) -> Wire:
        body = {"model": "demo", "temperature": 0, **more}
        if input is not None:
            body["input"] = input
        answer = client.post("/v1/responses", json=body)
        assert answer.status_code == 200, answer.text
        check_response(answer.json())
        return dict(answer.json())

    return ask_


@pytest.fixture
def stream(client: TestClient) -> Callable[..., list[Wire]]:
    """Asks for a response as events at temperature 0, and checks each and their order."""

    def stream_(input: Any, **more: Any) -> list[Wire]:
        body = {"model": "demo", "temperature": 0, "input": input, "stream": True, **more}
        with client.stream("POST", "/v1/responses", json=body) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = read_events(list(answer.iter_lines()))
        check_stream(events)
        return events

    return stream_


@pytest.fixture
def refused(client: TestClient) -> Callable[..., Wire]:
    """Asks for a response that must be refused; returns OpenAI's error object."""

    def refused_(status: int = 400, **body: Any) -> Wire:
        answer = client.post("/v1/responses", json={"model": "demo", **body})
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert "Try:" in error["message"]
        return dict(error)

    return refused_


@pytest.fixture(scope="session")
def official(base_url: str) -> Iterator[openai.OpenAI]:
    """OpenAI's client of the real server."""
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


def text_of(body: Wire) -> str:
    """What a response says."""
    return "".join(
        part["text"]
        for item in body["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def item_of(body: Wire, kind: str) -> Wire:
    """The only item of a type in a response's output."""
    found = [item for item in body["output"] if item["type"] == kind]
    assert len(found) == 1, f"{len(found)} items of type {kind}"
    return dict(found[0])
