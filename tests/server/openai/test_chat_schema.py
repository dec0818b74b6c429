"""Answers and chunks are what the openai package's models say, key by key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.testclient import TestClient

from tests.server.openai.ask import TOOL, WEATHER, ask, chunks

OURS = {"reasoning", "reasoning_content"}
"""Keys that OpenAI's models do not have."""
FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "capital",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"country": {"type": "string"}, "capital": {"type": "string"}},
            "required": ["country", "capital"],
            "additionalProperties": False,
        },
    },
}
CUSTOM = {"type": "custom", "custom": {"name": "note", "description": "Takes a note."}}
CASES: list[dict[str, Any]] = [
    {},
    {"n": 2, "temperature": 1.5},
    {"logprobs": True, "top_logprobs": 5},
    {"max_tokens": 3},
    {"messages": WEATHER, "tools": [TOOL]},
    {"messages": WEATHER, "tools": [TOOL], "tool_choice": "required"},
    {"messages": WEATHER, "tools": [CUSTOM], "tool_choice": "required", "max_tokens": 60},
    {"response_format": FORMAT, "max_tokens": 200},
]


def strictly(kind: type[BaseModel], body: dict[str, Any]) -> None:
    """Checks types without coercion, and that no key is unknown."""
    model = TypeAdapter(kind).validate_python(body, strict=True)
    assert set(unknown(model)) <= OURS


def unknown(value: Any) -> Iterator[str]:
    """Keys that the models do not declare, at any depth."""
    if isinstance(value, BaseModel):
        yield from value.model_extra or ()
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from unknown(item)


@pytest.mark.parametrize("fields", CASES)
def test_an_answer_is_a_chat_completion(client: TestClient, fields: dict[str, Any]) -> None:
    body = ask(client, **fields)
    strictly(ChatCompletion, body)
    message = body["choices"][0]["message"]
    assert {"role", "content", "refusal"} <= set(message)
    assert {"index", "message", "finish_reason", "logprobs"} <= set(body["choices"][0])


@pytest.mark.parametrize("fields", CASES)
def test_every_chunk_is_one(client: TestClient, fields: dict[str, Any]) -> None:
    for chunk in chunks(client, stream_options={"include_usage": True}, **fields):
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                # OpenAI's models of chunks know functions only, of whole answers custom tools too.
                assert ("custom" in call) == (fields.get("tools") == [CUSTOM])
                if call.pop("custom", None) is not None:
                    call.pop("type", None)
        strictly(ChatCompletionChunk, chunk)


def test_their_library_adds_up_a_custom_call(client: TestClient) -> None:
    """Streamed in the form OpenAI sends, which is not in its document: see `ChoiceStream`."""
    fields = next(case for case in CASES if case.get("tools") == [CUSTOM])
    state = ChatCompletionStreamState(input_tools=[CUSTOM])
    pieces = []
    for chunk in chunks(client, **fields):
        state.handle_chunk(construct_type(type_=ChatCompletionChunk, value=chunk))
        calls = chunk["choices"][0]["delta"].get("tool_calls", ())
        pieces += [call["custom"]["input"] for call in calls]
    [message] = [choice.message for choice in state.current_completion_snapshot.choices]
    call = message.to_dict()["tool_calls"][0]
    assert call["type"] == "custom"
    assert call["custom"] == {"name": "note", "input": "".join(pieces)}
    assert len(pieces) > 2


def test_completions_and_models_are_theirs(client: TestClient) -> None:
    body = {"model": "demo", "prompt": "What is", "max_tokens": 3}
    strictly(Completion, client.post("/v1/completions", json=body).json())
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    for model in listed["data"]:
        strictly(Model, model)
    assert client.get("/v1/models/demo").json() == listed["data"][0]
    missing = client.get("/v1/models/other")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


def test_the_judge_sees_a_wrong_type_and_an_unknown_key(client: TestClient) -> None:
    body = ask(client)
    with pytest.raises(ValidationError):
        strictly(ChatCompletion, {**body, "created": "now"})
    with pytest.raises(AssertionError):
        strictly(ChatCompletion, {**body, "extra": 1})
