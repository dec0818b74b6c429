"""Chat Completions' chunks."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.server.openai.ask import TOOL, WEATHER, ask, chunks, joined, message


def test_a_stream_says_what_the_whole_answer_says(client: TestClient) -> None:
    parts = chunks(client)
    whole = message(client)
    assert joined(parts, "content") == whole["content"]
    assert joined(parts, "reasoning") == whole["reasoning"]
    assert joined(parts, "reasoning_content") == whole["reasoning"]


def test_the_first_delta_has_the_role_and_the_last_the_reason(client: TestClient) -> None:
    parts = chunks(client)
    assert parts[0]["choices"][0]["delta"]["role"] == "assistant"
    assert sum("role" in part["choices"][0]["delta"] for part in parts) == 1
    reasons = [part["choices"][0]["finish_reason"] for part in parts]
    assert reasons == [None] * (len(parts) - 1) + ["stop"]


def test_id_and_time_are_the_same_throughout(client: TestClient) -> None:
    parts = chunks(client)
    assert (
        len({(part["id"], part["created"], part["model"], part["object"]) for part in parts}) == 1
    )
    assert parts[0]["object"] == "chat.completion.chunk"
    assert chunks(client)[0]["id"] != parts[0]["id"]


def test_usage_comes_only_when_asked_for(client: TestClient) -> None:
    assert not any("usage" in part for part in chunks(client))
    parts = chunks(client, stream_options={"include_usage": True})
    assert parts[-1]["choices"] == []
    assert parts[-1]["usage"]["completion_tokens"] == ask(client)["usage"]["completion_tokens"]
    assert all(part["choices"] and part["usage"] is None for part in parts[:-1])


def test_a_call_streams_its_arguments(client: TestClient) -> None:
    parts = chunks(client, messages=WEATHER, tools=[TOOL])
    deltas = [part["choices"][0]["delta"] for part in parts]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    first, *rest = calls
    assert first["index"] == 0
    assert first["type"] == "function"
    assert first["function"] == {"name": "get_weather", "arguments": ""}
    assert len(rest) > 1
    assert all(set(call) == {"index", "function"} for call in rest)
    assert "".join(call["function"]["arguments"] for call in rest) == '{"city":"Paris"}'
    assert parts[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_choices_are_interleaved_and_complete(client: TestClient) -> None:
    fields = {"n": 2, "temperature": 1.8, "seed": 1}
    whole = ask(client, **fields)
    parts = chunks(client, **fields)
    for index in (0, 1):
        said = whole["choices"][index]["message"]
        assert joined(parts, "content", index) == said["content"]
        assert joined(parts, "reasoning", index) == said.get("reasoning", "")
        ends = [
            c for p in parts for c in p["choices"] if c["index"] == index and c["finish_reason"]
        ]
        assert len(ends) == 1


def test_logprobs_come_with_their_text(client: TestClient) -> None:
    parts = chunks(client, logprobs=True, top_logprobs=2)
    for part in parts:
        choice = part["choices"][0]
        if choice["logprobs"] is not None:
            said = "".join(item["token"] for item in choice["logprobs"]["content"])
            assert said == choice["delta"]["content"]
    told = [c["logprobs"] for part in parts for c in part["choices"] if c["logprobs"]]
    assert told


def test_hidden_reasoning_is_not_streamed(client: TestClient) -> None:
    parts = chunks(client, include_reasoning=False)
    assert joined(parts, "reasoning") == ""
    assert joined(parts, "content") == "27 + 15 = 42."
