"""Whatever a body holds, the answer is the API's own, and never a server error."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.server.anthropic.ask import SHOWN
from tests.server.anthropic.ask import WEATHER as TOOL
from tests.server.ollama.ask import SUM, WEATHER

CALL = {"id": "a", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
USE = {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "Paris"}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}]}
THOUGHT = {"type": "thinking", "thinking": "x", "signature": "gptoss2.eJw="}
BODIES: dict[str, dict[str, Any]] = {
    "/api/chat": {
        "model": "demo",
        "messages": [
            *SUM,
            {"role": "assistant", "content": "", "thinking": "x", "tool_calls": [CALL]},
            {"role": "tool", "tool_name": "get_weather", "tool_call_id": "a", "content": "x"},
        ],
        "tools": [WEATHER],
        "options": {"num_predict": 1, "temperature": 1, "top_k": 5, "seed": 1, "stop": ["x"]},
        "format": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "think": "low",
        "keep_alive": "5m",
        "logprobs": True,
        "top_logprobs": 1,
        "stream": False,
    },
    "/api/generate": {
        "model": "demo",
        "prompt": "x",
        "system": "x",
        "context": [58],
        "options": {"num_predict": 1},
        "raw": False,
        "stream": False,
    },
    "/api/show": {"model": "demo", "verbose": True},
    "/api/copy": {"source": "nope", "destination": "x"},
    "/api/create": {
        "model": "junk",
        "from": "demo",
        "system": "x",
        "parameters": {"temperature": 1, "stop": ["x"], "num_ctx": 5},
        "messages": [{"role": "user", "content": "x"}],
        "modelfile": None,
        "stream": False,
    },
    "/v1/messages": {
        "model": "demo",
        "max_tokens": 1,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x"}]},
            {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "x"}, USE]},
            {"role": "user", "content": [RESULT]},
        ],
        "system": [{"type": "text", "text": "x"}],
        "tools": [TOOL],
        "tool_choice": {"type": "auto"},
        "thinking": SHOWN,
        "output_config": {"effort": "low"},
        "stop_sequences": ["x"],
        "temperature": 1,
        "top_k": 5,
        "top_p": 0.5,
        "metadata": {},
    },
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.just("\ud800"),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a body, but for the limits that keep a test short."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inner:
        if key in ("num_predict", "max_tokens"):
            continue
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += places(item, (*path, key))
    return found


def replaced(body: Any, path: tuple[Any, ...], junk: Any) -> Any:
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    return body


@pytest.mark.parametrize("path", BODIES)
def test_junk(client: TestClient, path: str) -> None:
    whole = BODIES[path]
    limited = path in ("/api/show", "/api/copy", "/api/create", "/v1/messages")

    @settings(
        max_examples=80,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(places(whole)), JUNK)
    def check(place: tuple[Any, ...], junk: Any) -> None:
        if place == ("options",) and not limited:
            junk = junk if not isinstance(junk, dict | None) else "junk"
        body = replaced(whole, place, junk)
        found = client.post(path, content=json.dumps(body))
        assert found.status_code < 500, (place, junk, found.text)
        if found.status_code >= 400:
            problem = found.json()
            assert "error" in problem
            error = problem["error"]
            text = error["message"] if path == "/v1/messages" else error
            assert ". Try: " in text, (place, junk, text)

    check()
