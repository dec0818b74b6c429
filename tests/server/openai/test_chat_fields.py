"""Every field of a Chat Completions request."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.openai.ask import TOOL, WEATHER, ask, message, post, refused

USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        (
            {"messages": [USER, {"role": "tool", "tool_call_id": "no", "content": "x"}]},
            "messages[1].tool_call_id",
        ),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "a"}]}]},
            "messages[1].tool_calls[0].function.name",
        ),
        ({"messages": [{"role": "assistant", "reasoning": 1}]}, "messages[0].reasoning"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": "x"}, "frequency_penalty"),
        ({"seed": 1.5}, "seed"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "many"}, "max_completion_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": 3}, "stop"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"5": 101}}, "logit_bias"),
        ({"logit_bias": {"999999999": 1}}, "logit_bias"),
        ({"logit_bias": [1]}, "logit_bias"),
        ({"logprobs": 3}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning": {"effort": "extreme"}}, "reasoning.effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"include_reasoning": "no"}, "include_reasoning"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": {}}, "tools"),
        ({"tools": [3]}, "tools[0].type"),
        ({"tools": [{"type": "magic"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [TOOL, TOOL]}, "tools[1].function.name"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "tool_choice",
        ),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.name"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(client: TestClient, fields: dict[str, Any], param: str) -> None:
    assert refused(client, **fields)["param"] == param
    streamed = refused(client, **{"stream": True, **fields})  # before the stream begins
    assert streamed["param"] == param


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    found = post(client, model="gpt-7")
    assert found.status_code == 404
    error = found.json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "demo" in error["message"]


def test_unknown_fields_are_left_alone(client: TestClient) -> None:
    extra = {"safety_identifier": "x", "prompt_cache_key": "y", "verbosity": "low", "foo": [1]}
    plain = {"metadata": {}, "store": False, "user": "me", "service_tier": "auto"}
    assert message(client, **extra, **plain)["content"] == "27 + 15 = 42."


def test_nulls_count_as_left_out(client: TestClient) -> None:
    names = """top_p n stop seed tools tool_choice logit_bias response_format max_tokens stream
        max_completion_tokens stream_options reasoning_effort logprobs top_logprobs reasoning
        presence_penalty frequency_penalty include_reasoning functions modalities audio"""
    fields = dict.fromkeys(names.split())
    assert message(client, **fields)["content"] == "27 + 15 = 42."


def test_text_parts_and_every_role_are_read(client: TestClient) -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "27 + 15?"}]
    system = {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    developer = {"role": "developer", "content": "Answer."}
    messages = [system, developer, {"role": "user", "content": parts, "name": "Ann"}]
    assert "42" in message(client, messages=messages)["content"]


@pytest.mark.parametrize(
    ("given", "same_as"),
    [("none", "low"), ("minimal", "low"), ("xhigh", "high"), ("max", "high"), (None, "medium")],
)
def test_efforts_map_to_the_models_three(
    client: TestClient, given: str | None, same_as: str
) -> None:
    wanted = message(client, reasoning_effort=same_as)["reasoning"]
    assert message(client, reasoning_effort=given)["reasoning"] == wanted
    assert message(client, reasoning={"effort": given})["reasoning"] == wanted
    assert message(client, reasoning_effort="low")["reasoning"] != message(client)["reasoning"]


def test_reasoning_has_both_names_and_can_be_hidden(client: TestClient) -> None:
    shown = message(client)
    assert shown["reasoning"] == shown["reasoning_content"] != ""
    for hiding in ({"reasoning": {"exclude": True}}, {"include_reasoning": False}):
        hidden = message(client, **hiding)
        assert not {"reasoning", "reasoning_content"} & set(hidden)
        assert hidden["content"] == shown["content"]


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_the_limit_counts_reasoning(client: TestClient, limit: str) -> None:
    found = ask(client, **{limit: 5})
    assert found["choices"][0]["finish_reason"] == "length"
    assert found["usage"]["completion_tokens"] == 5
    assert found["choices"][0]["message"]["content"] == ""


def test_the_newer_limit_wins(client: TestClient) -> None:
    assert ask(client, max_tokens=9, max_completion_tokens=4)["usage"]["completion_tokens"] == 4


def test_stop_strings_end_the_answer_only(client: TestClient) -> None:
    found = ask(client, stop=["="])
    assert found["choices"][0]["message"]["content"] == "27 + 15 "
    assert "=" in found["choices"][0]["message"]["reasoning"]
    assert found["choices"][0]["finish_reason"] == "stop"
    assert message(client, stop="15 =")["content"] == "27 + "


def test_a_seed_repeats_an_answer(client: TestClient) -> None:
    def hot(seed: int) -> Any:
        return message(client, temperature=4, max_tokens=12, seed=seed)

    assert hot(7) == hot(7)
    assert len({str(hot(seed)) for seed in range(6)}) > 1


def test_logit_bias_forbids_a_token(client: TestClient) -> None:
    tokens = ask(client, logprobs=True)["choices"][0]["logprobs"]["content"]
    assert tokens[-2]["token"] == "42"
    free = message(client)["content"]
    # 4689 is " 42" as the model writes it
    assert message(client, logit_bias={"4689": -100})["content"] != free


def test_a_top_p_of_zero_is_greedy(client: TestClient) -> None:
    assert message(client, temperature=1.9, top_p=0)["content"] == "27 + 15 = 42."


def test_usage_has_its_details(client: TestClient) -> None:
    usage = ask(client)["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]
    assert ask(client)["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


def test_several_choices_are_several_answers(client: TestClient) -> None:
    body = ask(client, n=3, temperature=1.8, seed=1)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    reasonings = {choice["message"].get("reasoning") for choice in body["choices"]}
    assert len(reasonings) > 1
    one = ask(client, n=1, temperature=1.8, seed=1)
    assert one["choices"][0]["message"] == body["choices"][0]["message"]
    assert body["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]
    assert body["usage"]["completion_tokens"] > one["usage"]["completion_tokens"]


def test_logprobs_are_those_of_the_final_answer(client: TestClient) -> None:
    choice = ask(client, logprobs=True, top_logprobs=3)["choices"][0]
    told = choice["logprobs"]["content"]
    assert "".join(item["token"] for item in told) == choice["message"]["content"]
    for item in told:
        assert item["logprob"] <= 0
        assert bytes(item["bytes"]).decode() == item["token"]
        assert len(item["top_logprobs"]) == 3
        assert item["top_logprobs"][0]["logprob"] == pytest.approx(item["logprob"])
    assert ask(client, logprobs=True)["choices"][0]["logprobs"]["content"][0]["top_logprobs"] == []
    assert ask(client)["choices"][0]["logprobs"] is None


def test_a_tool_is_called_and_its_result_is_read(client: TestClient) -> None:
    body = ask(client, messages=WEATHER, tools=[TOOL], parallel_tool_calls=True)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["function"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    result = {"role": "tool", "tool_call_id": call["id"], "content": '{"temperature":21}'}
    done = ask(client, messages=[*WEATHER, choice["message"], result], tools=[TOOL])
    assert done["choices"][0]["finish_reason"] == "stop"
    assert "21" in done["choices"][0]["message"]["content"]


def test_a_context_that_is_too_short_is_told(client: TestClient) -> None:
    long = [{"role": "user", "content": "word " * 140_000}]
    error = refused(client, messages=long)
    assert error["code"] == "context_length_exceeded"
    assert error["param"] == "messages"
    assert "131072" in error["message"].replace(",", "")
