"""Python clients, unmodified, against the running server."""

from __future__ import annotations

from tests.clients.conftest import Program
from tests.clients.expected import SUM, WEATHER, check_all


def test_openai_chat_completions(program: Program) -> None:
    found = program("openai_chat.py")
    check_all(found)
    assert "12" in found["stream"]["reasoning"]
    assert 0 < found["stream"]["reasoning_tokens"] < found["stream"]["completion_tokens"]
    assert found["tool"]["finish"] == "tool_calls"
    assert found["tool"]["argument_deltas"] > 1
    assert found["tool"]["cached_tokens"] > 0
    assert found["forced"] == ["get_weather"]
    assert "demo" in found["models"]


def test_openai_responses(program: Program) -> None:
    found = program("openai_responses.py")
    check_all(found)
    assert "12" in found["stream"]["reasoning"]
    assert found["stream"]["first"] == "response.created"
    assert found["stream"]["last"] == "response.completed"
    assert found["stateless"] == WEATHER
    assert found["stored"] == {"same": True, "input": "What is 27 + 15?"}


def test_openai_agents(program: Program) -> None:
    found = program("openai_agents.py")
    check_all(found["responses"])
    check_all(found["chat"])


def test_litellm(program: Program) -> None:
    found = program("litellm_calls.py")
    for route in ("hosted_vllm", "openai", "ollama_chat"):
        check_all(found[route])
    assert found["responses"] == SUM


def test_ollama(program: Program) -> None:
    found = program("ollama_chat.py")
    check_all(found)
    assert "12" in found["stream"]["reasoning"]
    assert found["stream"]["done"] == "stop"
    assert found["stream"]["tokens"] > 0
    assert found["generated"] == SUM
    assert any(name.startswith("demo") for name in found["listed"])
    assert {"completion", "tools", "thinking"} <= set(found["capabilities"])
    assert any(name.startswith("demo") for name in found["running"])


def test_langchain_and_langgraph(program: Program) -> None:
    found = program("langchain_graph.py")
    for model in ("chat", "responses", "ollama"):
        check_all(found[model])


def test_anthropic(program: Program) -> None:
    found = program("anthropic_messages.py")
    check_all(found)
    assert "12" in found["stream"]["reasoning"]
    assert found["stream"]["stop"] == "end_turn"
    assert found["counted"] > 10
