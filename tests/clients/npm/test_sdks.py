"""JavaScript SDKs, unmodified, against the running server."""

from __future__ import annotations

from tests.clients.expected import check_all
from tests.clients.npm.conftest import NodeProgram


def test_openai(node_program: NodeProgram) -> None:
    found = node_program("openai_sdk.mjs")
    check_all(found["chat"])
    check_all(found["responses"])


def test_openai_agents(node_program: NodeProgram) -> None:
    found = node_program("openai_agents.mjs")
    check_all(found["chat"])
    check_all(found["responses"])


def test_ollama(node_program: NodeProgram) -> None:
    found = node_program("ollama_sdk.mjs")
    check_all(found)
    assert "12" in found["stream"]["reasoning"]
    assert any(name.startswith("demo") for name in found["listed"])


def test_ai_sdk(node_program: NodeProgram) -> None:
    found = node_program("ai_sdk.mjs")
    for provider in ("compatible", "ollama"):
        check_all(found[provider])
        assert "12" in found[provider]["stream"]["reasoning"]


def test_anthropic(node_program: NodeProgram) -> None:
    check_all(node_program("anthropic_sdk.mjs"))
