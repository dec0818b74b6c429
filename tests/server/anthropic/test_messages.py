"""``/v1/messages`` without streaming, and ``count_tokens``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.anthropic.ask import PARIS, SHOWN, SUM, WEATHER, ask, refused, texts


def test_an_answer(client: TestClient) -> None:
    found = ask(client, messages=SUM)
    assert found["id"].startswith("msg_")
    assert found["type"] == "message"
    assert found["role"] == "assistant"
    assert found["model"] == "demo"
    assert found["content"] == [{"type": "text", "text": "27 + 15 = 42."}]
    assert found["stop_reason"] == "end_turn"
    assert found["stop_sequence"] is None
    usage = found["usage"]
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] == 75
    assert usage["cache_creation_input_tokens"] == 0
    assert usage["output_tokens"] > usage["output_tokens_details"]["thinking_tokens"] > 0


def test_the_cache_is_told(client: TestClient) -> None:
    messages = [{"role": "user", "content": "What is the capital of Japan?"}]
    first = ask(client, messages=messages)
    messages += [
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "What is the capital of France?"},
    ]
    usage = ask(client, messages=messages)["usage"]
    assert usage["cache_read_input_tokens"] > 60
    assert usage["input_tokens"] < 40


def test_headers(client: TestClient) -> None:
    body = {"model": "demo", "max_tokens": 5, "messages": SUM}
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "any", "anthropic-beta": "x-2020"}
    good = client.post("/v1/messages", json=body, headers=headers)
    assert good.status_code == 200
    bad = client.post("/v1/messages", json={})
    assert bad.status_code == 400
    ids = {good.headers["request-id"], bad.headers["request-id"]}
    assert len(ids) == 2
    assert all(id_.startswith("req_") for id_ in ids)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, None),
        ({"thinking": {"type": "adaptive"}}, "carry 1"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "7+5=12, 2+1+1=4"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "carry 1"),
        ({"thinking": {"type": "enabled", "budget_tokens": 16384}}, "I add the ones"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "7+5=12, 2+1"),
        ({"thinking": SHOWN, "output_config": {"effort": "max"}}, "I add the ones"),
        ({"thinking": SHOWN, "effort": "low"}, "7+5=12, 2+1+1=4"),
    ],
)
def test_thinking(client: TestClient, settings: dict[str, Any], told: str | None) -> None:
    content = ask(client, messages=SUM, **settings)["content"]
    if told is None:
        assert [block["type"] for block in content] == ["text"]
    else:
        assert [block["type"] for block in content] == ["thinking", "text"]
        assert told in content[0]["thinking"]
        assert content[0]["signature"]


def test_disabled_thinking_is_as_short_as_can_be(client: TestClient) -> None:
    def spent(**settings: Any) -> int:
        found = ask(client, messages=SUM, **settings)["usage"]["output_tokens_details"]
        return int(found["thinking_tokens"])

    assert spent(thinking={"type": "disabled"}) < spent()


def test_omitted_thinking_comes_back_through_its_signature(client: TestClient) -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    first = ask(client, messages=PARIS, tools=[WEATHER], thinking=thinking)
    block = first["content"][0]
    assert block["type"] == "thinking"
    assert block["thinking"] == ""
    shown = ask(client, messages=PARIS, tools=[WEATHER], thinking={"type": "adaptive"})
    result = {"type": "tool_result", "tool_use_id": "mine", "content": "18 degrees and sunny"}
    call = {"type": "tool_use", "id": "mine", "name": "get_weather", "input": {"city": "Paris"}}

    def count(content: list[Any]) -> int:
        messages = [
            *PARIS,
            {"role": "assistant", "content": content},
            {"role": "user", "content": [result]},
        ]
        body = {"model": "demo", "messages": messages, "tools": [WEATHER]}
        return int(client.post("/v1/messages/count_tokens", json=body).json()["input_tokens"])

    with_text = count([shown["content"][0], call])
    assert count([block, call]) == with_text > count([call])
    damaged = {**block, "signature": block["signature"][:-5]}
    foreign = {"type": "redacted_thinking", "data": "xyz"}
    assert count([damaged, call]) == count([foreign, call]) == count([call])


def test_limit_and_stop_sequences(client: TestClient) -> None:
    found = ask(client, messages=SUM, max_tokens=45)
    assert found["stop_reason"] == "max_tokens"
    assert found["usage"]["output_tokens"] == 45
    found = ask(client, messages=SUM, stop_sequences=["nothing", "= "])
    assert found["stop_reason"] == "stop_sequence"
    assert found["stop_sequence"] == "= "
    assert texts(found) == "27 + 15 "


def test_system(client: TestClient) -> None:
    plain = ask(client, messages=SUM)["usage"]
    blocks = [{"type": "text", "text": "You are a calculator.", "cache_control": {}},
              {"type": "text", "text": "Be brief."}]  # fmt: skip
    for system in ("You are a calculator.\n\nBe brief.", blocks):
        found = ask(client, messages=SUM, system=system)
        assert texts(found)
        usage = found["usage"]
        read = usage["input_tokens"] + usage["cache_read_input_tokens"]
        assert read > plain["input_tokens"] + plain["cache_read_input_tokens"] + 8


def test_a_tool_loop(client: TestClient) -> None:
    first = ask(client, messages=PARIS, tools=[WEATHER], thinking=SHOWN)
    assert first["stop_reason"] == "tool_use"
    call = first["content"][-1]
    assert call["type"] == "tool_use"
    assert call["name"] == "get_weather"
    assert call["input"] == {"city": "Paris"}
    for content in ("18 degrees and sunny", [{"type": "text", "text": "18 degrees and sunny"}]):
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": content}
        messages = [
            *PARIS,
            {"role": "assistant", "content": first["content"]},
            {"role": "user", "content": [result]},
        ]
        second = ask(client, messages=messages, tools=[WEATHER], thinking=SHOWN)
        assert second["stop_reason"] == "end_turn"
        assert "18" in texts(second)
        assert second["usage"]["cache_read_input_tokens"] > 100


def test_results_beside_text_and_errors(client: TestClient) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": "down"}
    messages = [
        *PARIS,
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call]},
        {"role": "user", "content": [result, {"type": "text", "text": "Well?"}]},
    ]
    assert ask(client, messages=messages, tools=[WEATHER])["stop_reason"]


def test_tool_choice(client: TestClient) -> None:
    found = ask(client, messages=PARIS, tools=[WEATHER], tool_choice={"type": "none"})
    assert found["stop_reason"] != "tool_use"
    for choice in (
        {"type": "any", "disable_parallel_tool_use": True},
        {"type": "tool", "name": "get_weather"},
    ):
        found = ask(client, messages=SUM, tools=[WEATHER], tool_choice=choice)
        assert found["stop_reason"] == "tool_use"
        assert found["content"][-1]["name"] == "get_weather"


def test_structured_output(client: TestClient) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "integer"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "schema": schema}
    for settings in ({"output_config": {"format": form}}, {"output_format": form}):
        assert list(json.loads(texts(ask(client, messages=SUM, **settings)))) == ["answer"]


def test_count_tokens(client: TestClient) -> None:
    def count(**body: Any) -> int:
        found = client.post("/v1/messages/count_tokens", json={"model": "demo", **body})
        assert found.status_code == 200, found.text
        assert list(found.json()) == ["input_tokens"]
        return int(found.json()["input_tokens"])

    usage = ask(client, messages=SUM, tools=[WEATHER])["usage"]
    read = usage["input_tokens"] + usage["cache_read_input_tokens"]
    assert count(messages=SUM, tools=[WEATHER]) == read > count(messages=SUM)
    assert refused(client, path="/count_tokens", messages=[])["type"] == "invalid_request_error"
    assert refused(client, 404, "/count_tokens", model="nope", messages=SUM)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"messages": []}, "no messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": SUM, "max_tokens": None}, "max_tokens is missing"),
        ({"messages": SUM, "max_tokens": 0}, "max_tokens"),
        ({"messages": SUM, "temperature": 3}, "temperature"),
        ({"messages": SUM, "top_k": 1.5}, "top_k"),
        ({"messages": SUM, "stop_sequences": [""]}, "stop"),
        ({"messages": SUM, "stop_sequences": "x"}, "stop_sequences"),
        ({"messages": SUM, "system": 5}, "system"),
        ({"messages": SUM, "metadata": "x"}, "metadata"),
        ({"messages": SUM, "thinking": {"type": "deep"}}, "thinking.type"),
        ({"messages": SUM, "thinking": {"type": "enabled"}}, "budget_tokens is missing"),
        ({"messages": SUM, "thinking": {"type": "enabled", "budget_tokens": 5}}, "budget_tokens"),
        ({"messages": SUM, "output_config": {"effort": "huge"}}, "effort"),
        ({"messages": SUM, "output_config": {"format": {"type": "json_schema"}}}, "schema"),
        ({"messages": SUM, "tools": [{"description": "x"}]}, "tools[0].name"),
        ({"messages": SUM, "tools": [WEATHER, WEATHER]}, "two tools"),
        ({"messages": SUM, "tools": [{"type": "bash_20250124", "name": "bash"}]}, "bash_20250124"),
        ({"messages": SUM, "tool_choice": {"type": "any"}}, "tool_choice"),
        (
            {"messages": SUM, "tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}},
            "'x'",
        ),
        ({"messages": [*SUM, {"role": "assistant", "content": "27"}]}, "last message"),
    ],
)
def test_bad_requests(client: TestClient, body: dict[str, Any], told: str) -> None:
    error = refused(client, **body)
    assert error["type"] == "invalid_request_error"
    assert told in error["message"]
    assert ". Try: " in error["message"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "document", "source": {"type": "base64", "data": "aGk="}},
        {"type": "video"},
        {},
    ],
)
def test_only_text_is_read(client: TestClient, block: dict[str, Any]) -> None:
    error = refused(client, messages=[{"role": "user", "content": [block]}])
    assert error["type"] == "invalid_request_error"
    assert "messages[0].content[0]" in error["message"]
    result = {"type": "tool_result", "tool_use_id": "x", "content": [block]}
    error = refused(client, messages=[{"role": "user", "content": [result]}])
    assert "messages[0].content[0].content[0]" in error["message"]


def test_a_text_document_is_read(client: TestClient) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "What is 27 + 15?"}
    content = [{"type": "document", "source": source}]
    assert texts(ask(client, messages=[{"role": "user", "content": content}])) == "27 + 15 = 42."


def test_a_result_without_its_call(client: TestClient) -> None:
    result = {"type": "tool_result", "tool_use_id": "gone", "content": "x"}
    error = refused(client, messages=[{"role": "user", "content": [result]}])
    assert "gone" in error["message"]


def test_unknown_model(client: TestClient) -> None:
    error = refused(client, 404, model="claude-x", messages=SUM)
    assert error["type"] == "not_found_error"
    assert "claude-x" in error["message"]
