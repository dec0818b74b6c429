"""``POST /v1/responses`` and its stream, over the demo model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gptoss_metal import Model
from gptoss_metal.engine.engine import Engine
from gptoss_metal.engine.limits import Limits
from gptoss_metal.server.app import build
from gptoss_metal.server.loader import Loader
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns
from tests.server.responses.conftest import REPORT, WEATHER, Ask, item_of, text_of
from tests.server.responses.strict import Wire

CONTEXT = 1024
Stream = Callable[..., list[Wire]]
Refused = Callable[..., Wire]


@pytest.fixture
def small(demo_path: Path) -> Iterator[TestClient]:
    """A client of a server whose context is short."""
    loader = Loader(lambda: Model.load(demo_path, context=CONTEXT))
    engine = Engine(loader, Limits())
    engine.start()
    try:
        engine.wait_ready(60)
        app = build(Served(("demo",), Turns(engine, loader)))
        yield TestClient(app, base_url="http://127.0.0.1")
    finally:
        engine.close()


def test_a_string_is_answered(ask: Ask) -> None:
    body = ask("What is 27 + 15?")
    assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
    assert "42" in text_of(body)
    assert item_of(body, "reasoning")["content"][0]["type"] == "reasoning_text"
    assert item_of(body, "message")["phase"] == "final_answer"
    assert body["status"] == "completed"
    assert body["completed_at"] >= body["created_at"]
    usage = body["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert 0 < usage["output_tokens_details"]["reasoning_tokens"] < usage["output_tokens"]


def test_the_stream_says_what_the_whole_response_says(ask: Ask, stream: Stream) -> None:
    whole = ask("What is 27 + 15?")
    events = stream("What is 27 + 15?")
    streamed = events[-1]["response"]
    assert text_of(streamed) == text_of(whole)
    assert streamed["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
    begun = events[0]["response"]
    assert begun["status"] == "in_progress"
    assert begun["output"] == []
    assert {key: begun[key] for key in ("id", "created_at", "model", "tools", "text")} == {
        key: streamed[key] for key in ("id", "created_at", "model", "tools", "text")
    }


def test_a_function_call_is_streamed(stream: Stream) -> None:
    events = stream("What is the weather in Paris?", tools=[WEATHER])
    body = events[-1]["response"]
    call = item_of(body, "function_call")
    assert call["name"] == "get_weather"
    assert call["arguments"] == '{"city":"Paris"}'
    assert call["call_id"].startswith("call_")
    assert call["id"].startswith("fc_")
    assert body["status"] == "completed"
    done = next(e for e in events if e["type"] == "response.function_call_arguments.done")
    assert done["name"] == "get_weather"


def test_items_of_every_shape_are_read(ask: Ask) -> None:
    body = ask(
        [
            {"role": "developer", "content": "You are terse."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {
                "type": "message",
                "role": "assistant",
                "id": "msg_1",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "Hello", "annotations": []},
                    {"type": "refusal", "refusal": "!"},
                ],
            },
            {"role": "user", "content": "What is the weather in Paris?"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": None},
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "get_weather",
                "arguments": '{"city":"Paris"}',
                "unknown_key": 1,
            },
            {
                "type": "function_call_output",
                "id": "fco_x",
                "call_id": "c1",
                "output": [{"type": "input_text", "text": REPORT}],
            },
        ],
        tools=[WEATHER],
    )
    assert text_of(body)


def test_the_limit_makes_a_response_incomplete(ask: Ask, stream: Stream) -> None:
    body = ask("What is 27 + 15?", max_output_tokens=3)
    assert body["status"] == "incomplete"
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["usage"]["output_tokens"] == 3
    assert body["completed_at"] is None
    events = stream("What is 27 + 15?", max_output_tokens=6)
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["output"][-1]["status"] == "incomplete"


def test_a_structured_answer(ask: Ask) -> None:
    schema = {
        "type": "object",
        "properties": {"country": {"type": "string"}, "capital": {"type": "string"}},
        "required": ["country", "capital"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "name": "capital", "schema": schema, "strict": True}
    body = ask("Give me France and its capital as JSON.", text={"format": form})
    assert '"Paris"' in text_of(body)
    assert body["text"]["format"] == form


def test_log_probabilities(ask: Ask, stream: Stream) -> None:
    include = ["message.output_text.logprobs"]
    body = ask("What is 27 + 15?", include=include, top_logprobs=3)
    part = item_of(body, "message")["content"][0]
    assert "".join(entry["token"] for entry in part["logprobs"]) == part["text"]
    for entry in part["logprobs"]:
        assert bytes(entry["bytes"]).decode() == entry["token"]
        assert len(entry["top_logprobs"]) == 3
        likeliest = entry["top_logprobs"][0]
        assert likeliest["token"] == entry["token"]  # at temperature 0
        assert likeliest["logprob"] == pytest.approx(entry["logprob"])
    events = stream("What is 27 + 15?", include=include, top_logprobs=2)
    deltas = [e for e in events if e["type"] == "response.output_text.delta"]
    assert all(e["logprobs"] for e in deltas)
    assert len(deltas[0]["logprobs"][0]["top_logprobs"]) == 2
    plain = stream("What is 27 + 15?", top_logprobs=2)
    assert not any(e["logprobs"] for e in plain if e["type"] == "response.output_text.delta")


def test_fields_are_repeated(ask: Ask) -> None:
    more = {
        "instructions": "Be kind.",
        "metadata": {"purpose": "test"},
        "prompt_cache_key": "key",
        "safety_identifier": "someone",
        "user": "me",
        "reasoning": {"effort": "xhigh", "summary": "auto"},
        "text": {"verbosity": "low"},
        "parallel_tool_calls": False,
        "max_output_tokens": 500,
        "truncation": "auto",
        "top_p": 0.9,
        "client_metadata": {"a": "b"},
        "service_tier": "auto",
        "stream_options": {"include_obfuscation": False},
    }
    body = ask("Hello", **more)
    for key in ("instructions", "metadata", "prompt_cache_key", "safety_identifier", "user"):
        assert body[key] == more[key]
    assert body["reasoning"] == {"effort": "xhigh", "summary": "auto"}
    assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (body["parallel_tool_calls"], body["max_output_tokens"]) == (False, 500)
    assert (body["truncation"], body["top_p"], body["temperature"]) == ("auto", 0.9, 0)
    assert body["service_tier"] == "default"
    assert "user" not in ask("Hello"), "omitted rather than null"


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
def test_every_effort_is_accepted(ask: Ask, effort: str) -> None:
    body = ask("Hello", reasoning={"effort": effort}, max_output_tokens=40)
    assert body["reasoning"]["effort"] == effort


def test_effort_changes_the_reasoning(ask: Ask) -> None:
    question = "What is 27 + 15?"
    tokens = [
        ask(question, reasoning={"effort": e})["usage"]["output_tokens_details"]["reasoning_tokens"]
        for e in ("minimal", "medium", "max")
    ]
    assert tokens[0] < tokens[1] < tokens[2]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({}, "input"),
        ({"input": 3}, "input"),
        ({"input": [3]}, "input[0]"),
        ({"input": [{"type": "hologram"}]}, "input[0].type"),
        ({"input": [{"type": "file_search_call", "id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "critic", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 1}]}, "input[0].content"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "input[0].content[0].type",
        ),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": "x", "temperature": 3}, "temperature"),
        ({"input": "x", "top_p": -1}, "top_p"),
        ({"input": "x", "top_logprobs": 21}, "top_logprobs"),
        ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "x", "reasoning": {"effort": "extreme"}}, "reasoning.effort"),
        ({"input": "x", "reasoning": "high"}, "reasoning"),
        ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"input": "x", "text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"input": "x", "truncation": "middle"}, "truncation"),
        ({"input": "x", "metadata": {"a": 1}}, "metadata"),
        ({"input": "x", "metadata": {str(i): "" for i in range(17)}}, "metadata"),
        ({"input": "x", "conversation": "conv_1"}, "conversation"),
        ({"input": "x", "prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": "x", "tools": [3]}, "tools"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "x", "tools": [WEATHER, WEATHER]}, "tools[1]"),
        ({"input": "x", "tool_choice": "sometimes"}, "tool_choice"),
        ({"input": "x", "tool_choice": "required"}, "tool_choice"),
        ({"input": "x", "tool_choice": {"type": "function", "name": "f"}}, "tool_choice"),
        ({"input": "x", "previous_response_id": "resp_none"}, "previous_response_id"),
        ({"input": "x", "model": ""}, "model"),
    ],
)
def test_bad_requests_are_refused_by_name(refused: Refused, more: Wire, param: str) -> None:
    error = refused(**more)
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


def test_an_unknown_model_is_not_found(refused: Refused) -> None:
    error = refused(404, model="gpt-6", input="x")
    assert error["code"] == "model_not_found"
    assert refused(404, model="gpt-6", input="x", stream=True)["code"] == "model_not_found"


def test_an_item_of_unknown_type_is_named(refused: Refused) -> None:
    assert "'hologram'" in refused(input=[{"type": "hologram"}])["message"]


def test_tokens_are_counted(client: TestClient, ask: Ask) -> None:
    asked = {"input": "What is the weather in Paris?", "tools": [WEATHER], "instructions": "Hm."}
    answer = client.post("/v1/responses/input_tokens", json={"model": "demo", **asked})
    made = ask(**asked)
    assert answer.json() == {
        "object": "response.input_tokens",
        "input_tokens": made["usage"]["input_tokens"],
    }
    more = {"previous_response_id": made["id"], "input": "And now?"}
    counted = client.post("/v1/responses/input_tokens", json=more).json()["input_tokens"]
    assert counted == ask(**more)["usage"]["input_tokens"]
    bad = client.post("/v1/responses/input_tokens", json={"input": [{"type": "hologram"}]})
    assert bad.status_code == 400


def test_a_conversation_that_is_too_long(small: TestClient) -> None:
    turn = [{"role": "user", "content": "word " * 90}, {"role": "assistant", "content": "Yes."}]
    items = [*turn * 12, {"role": "user", "content": "What is 27 + 15?"}]
    body = {"model": "demo", "input": items, "temperature": 0}
    refused = small.post("/v1/responses", json=body)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "input")
    answer = small.post("/v1/responses", json={**body, "truncation": "auto"})
    assert answer.status_code == 200, answer.text
    assert "42" in text_of(answer.json())
    assert answer.json()["usage"]["input_tokens"] < CONTEXT
