"""``/api/chat``."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss_metal import aliases
from gptoss_metal.preset import Preset
from gptoss_metal.server.served import Served
from tests.server.ollama.ask import COUNTS, PARIS, SUM, WEATHER, ask, lines, refused


def test_a_streamed_answer(client: TestClient) -> None:
    found = lines(client, "/api/chat", messages=SUM)
    *parts, last = found
    assert len(parts) > 5
    assert all(part["done"] is False and part["model"] == "demo" for part in parts)
    assert all(part["message"]["role"] == "assistant" for part in found)
    text = "".join(part["message"]["content"] for part in parts)
    thinking = "".join(part["message"].get("thinking", "") for part in parts)
    assert text == "27 + 15 = 42."
    assert "7+5=12" in thinking
    assert last["done"] is True
    assert last["done_reason"] == "stop"
    assert last["message"] == {"role": "assistant", "content": ""}
    for name in COUNTS:
        assert type(last[name]) is int, name
    assert last["prompt_eval_count"] > 50
    assert last["eval_count"] > len(parts)
    assert last["total_duration"] >= last["eval_duration"] > 10**6  # nanoseconds
    for line in found:
        datetime.datetime.fromisoformat(line["created_at"].replace("Z", "+00:00"))


def test_the_whole_answer_is_the_stream_s(client: TestClient) -> None:
    parts = lines(client, "/api/chat", messages=SUM)
    whole = ask(client, "/api/chat", messages=SUM)
    for name in ("content", "thinking"):
        assert whole["message"][name] == "".join(p["message"].get(name, "") for p in parts)
    assert whole["done"] is True
    assert whole["eval_count"] == parts[-1]["eval_count"]


@pytest.mark.parametrize("name", ["demo", "demo:latest", "gpt-oss-demo", "gpt-oss-demo:latest"])
def test_names(client: TestClient, name: str) -> None:
    found = ask(client, "/api/chat", messages=SUM, model=name)
    assert found["model"] == name
    assert found["message"]["content"] == "27 + 15 = 42."


@pytest.mark.parametrize(
    ("think", "seen", "told"),
    [
        (None, True, "7+5=12, carry 1"),
        (True, True, "7+5=12, carry 1"),
        ("medium", True, "7+5=12, carry 1"),
        ("low", True, "7+5=12, 2+1+1=4"),
        ("high", True, "I add the ones, then the tens"),
        ("max", True, "I add the ones, then the tens"),
        (False, False, ""),
    ],
)
def test_think(client: TestClient, think: Any, seen: bool, told: str) -> None:
    message = ask(client, "/api/chat", messages=SUM, think=think)["message"]
    assert ("thinking" in message) is seen
    assert told in message.get("thinking", "")


def test_an_alias_decides_what_thinking_means(client: TestClient) -> None:
    aliases.save(Preset("hasty", "demo", reasoning_effort="low"))
    for think, told in ((True, "7+5=12, 2+1+1=4"), (None, "7+5=12, 2+1+1=4"), ("medium", "carry")):
        found = ask(client, "/api/chat", model="hasty", messages=SUM, think=think)
        assert told in found["message"]["thinking"]


def test_limit_and_stop(client: TestClient) -> None:
    found = ask(client, "/api/chat", messages=SUM, options={"temperature": 0, "num_predict": 5})
    assert found["done_reason"] == "length"
    assert found["eval_count"] == 5
    found = ask(client, "/api/chat", messages=SUM, options={"temperature": 0, "stop": ["= "]})
    assert found["done_reason"] == "stop"
    assert found["message"]["content"] == "27 + 15 "


def test_a_seed_repeats_the_answer(client: TestClient) -> None:
    options = {"temperature": 2, "seed": 7, "top_p": 0.99, "num_predict": 30}
    found = [ask(client, "/api/chat", messages=SUM, options=options) for _ in range(2)]
    assert found[0]["message"] == found[1]["message"]
    other = ask(client, "/api/chat", messages=SUM, options={**options, "seed": 8})
    assert other["message"] != found[0]["message"]


def test_logprobs(client: TestClient) -> None:
    whole = ask(client, "/api/chat", messages=SUM, logprobs=True, top_logprobs=2, think=False)
    assert "".join(item["token"] for item in whole["logprobs"]) == "27 + 15 = 42."
    for item in whole["logprobs"]:
        assert bytes(item["bytes"]).decode() == item["token"]
        assert item["logprob"] <= 0
        assert len(item["top_logprobs"]) == 2
        assert item["top_logprobs"][0]["token"] == item["token"]  # greedy
    parts = lines(client, "/api/chat", messages=SUM, logprobs=True)
    assert all("logprobs" in part for part in parts if not part["done"])
    assert "top_logprobs" not in parts[0]["logprobs"][0]
    assert "logprobs" not in ask(client, "/api/chat", messages=SUM)


def test_structured_output(client: TestClient) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "integer"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    found = ask(client, "/api/chat", messages=SUM, format=schema)
    assert list(json.loads(found["message"]["content"])) == ["answer"]
    found = ask(client, "/api/chat", messages=SUM, format="json")
    assert isinstance(json.loads(found["message"]["content"]), dict)


def test_a_tool_call_and_its_result(client: TestClient) -> None:
    first = ask(client, "/api/chat", messages=PARIS, tools=[WEATHER])
    call = first["message"]["tool_calls"][0]
    assert call["function"] == {"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}}
    assert call["id"]
    assert first["done_reason"] == "stop"
    results = [
        {"role": "tool", "tool_name": "get_weather", "content": "18 degrees and sunny"},
        {"role": "tool", "tool_call_id": call["id"], "content": "18 degrees and sunny"},
        {"role": "tool", "name": "get_weather", "content": "18 degrees and sunny"},
        {"role": "tool", "content": "18 degrees and sunny"},
    ]
    plain = {"role": "assistant", "tool_calls": [{"function": call["function"]}]}
    answers = set()
    for result in results:
        asked = first["message"] if "tool_call_id" in result else plain
        messages = [*PARIS, asked, result]
        found = ask(client, "/api/chat", messages=messages, tools=[WEATHER])
        answers.add(found["message"]["content"])
    assert all("18" in answer for answer in answers)


def test_a_streamed_tool_call_comes_whole(client: TestClient) -> None:
    found = lines(client, "/api/chat", messages=PARIS, tools=[WEATHER])
    calls = [call for line in found for call in line["message"].get("tool_calls", ())]
    assert [call["function"]["arguments"] for call in calls] == [{"city": "Paris"}]


def test_two_results_go_to_their_calls(client: TestClient) -> None:
    calls = [
        {"function": {"name": "get_weather", "arguments": {"city": city}}}
        for city in ("Paris", "Rome")
    ]
    messages = [
        {"role": "user", "content": "What is the weather in Paris and Rome?"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "get_weather", "content": "18 degrees"},
        {"role": "tool", "tool_name": "get_weather", "content": "25 degrees"},
    ]
    assert ask(client, "/api/chat", messages=messages, tools=[WEATHER])["message"]["content"]


def test_loading_and_unloading(client: TestClient) -> None:
    for body, reason in (
        ({}, "load"),
        ({"keep_alive": "5m"}, "load"),
        ({"keep_alive": 0}, "unload"),
    ):
        found = ask(client, "/api/chat", messages=[], **body)
        assert found["done"] is True
        assert found["done_reason"] == reason
        assert found["message"] == {"role": "assistant", "content": ""}
    assert "no model" in refused(client, "/api/chat", 404, model="nope", messages=[])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}, "reads text only"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "answers no call"),
        ({"messages": SUM, "think": "a lot"}, "think"),
        ({"messages": SUM, "format": 5}, "format"),
        ({"messages": SUM, "options": {"temperature": "hot"}}, "temperature"),
        ({"messages": SUM, "options": {"num_ctx": 0}}, "num_ctx"),
        ({"messages": SUM, "options": {"stop": 5}}, "stop"),
        ({"messages": SUM, "options": []}, "options"),
        ({"messages": SUM, "keep_alive": "soon"}, "keep_alive"),
        ({"messages": SUM, "top_logprobs": 3}, "logprobs"),
        ({"messages": SUM, "logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"messages": SUM, "tools": [{"type": "function"}]}, "tools[0].function"),
        ({"messages": SUM, "tools": [WEATHER, WEATHER]}, "two tools"),
        ({"messages": SUM, "stream": "yes"}, "stream"),
    ],
)
def test_bad_requests(client: TestClient, body: dict[str, Any], told: str) -> None:
    assert told in refused(client, "/api/chat", **body)


def test_unknown_and_missing_models(client: TestClient) -> None:
    assert "'nope'" in refused(client, "/api/chat", 404, model="nope", messages=SUM)
    assert "model is missing" in refused(client, "/api/chat", model=None, messages=SUM)
    assert client.get("/api/chat").status_code == 405
    found = client.post("/api/chat", content=b"{")
    assert found.status_code == 400
    assert "JSON" in found.json()["error"]


def test_foreign_options_are_ignored(client: TestClient) -> None:
    options = {"temperature": 0, "num_gpu": 99, "mirostat": 2, "num_thread": None, "top_k": -1}
    found = ask(client, "/api/chat", messages=SUM, options=options)
    assert found["message"]["content"] == "27 + 15 = 42."


def test_num_ctx(client: TestClient) -> None:
    options = {"temperature": 0, "num_ctx": 100}
    found = ask(client, "/api/chat", messages=SUM, options=options)
    assert found["done_reason"] == "length"
    assert found["prompt_eval_count"] + found["eval_count"] == 100
    # The oldest turns of a conversation that is too long are dropped, unless truncate says no.
    turn = [{"role": "user", "content": "word " * 60}, {"role": "assistant", "content": "Yes."}]
    long = [*turn * 10, *SUM]
    options = {"temperature": 0, "num_ctx": 500}
    found = ask(client, "/api/chat", messages=long, options=options)
    assert found["prompt_eval_count"] < 300
    assert found["message"]["content"]
    told = refused(client, "/api/chat", messages=long, options=options, truncate=False)
    assert "context" in told
    assert "context" in refused(
        client, "/api/chat", messages=[{"role": "user", "content": "word " * 900}], options=options
    )


def test_a_tool_loop_computes_only_what_is_new(client: TestClient, served: Served) -> None:
    """Ollama's clients drop a call's id; what the model wrote is replayed all the same."""

    def cached() -> int:
        return served.turns.engine.stats().cached_tokens

    city = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    first = ask(client, "/api/chat", messages=city, tools=[WEATHER])
    (call,) = first["message"]["tool_calls"]
    asked = {"role": "assistant", "content": "", "tool_calls": [{"function": call["function"]}]}
    result = {"role": "tool", "tool_name": "get_weather", "content": "20 degrees and rain"}
    before = cached()
    second = ask(client, "/api/chat", messages=[*city, asked, result], tools=[WEATHER])
    known = first["prompt_eval_count"] + first["eval_count"] - 1  # the last one was not computed
    assert second["prompt_eval_count"] > known
    assert cached() - before >= known - 1
