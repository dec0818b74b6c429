"""``/v1/completions``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

PATH = "/v1/completions"
PROMPT = "<|start|>user<|message|>What is 3 + 4?<|end|><|start|>assistant"
ANSWER = "3 + 4 = 7."


def complete(client: TestClient, **fields: Any) -> dict[str, Any]:
    """A greedy continuation of the prompt above."""
    body = {"model": "demo", "prompt": PROMPT, "temperature": 0, "max_tokens": 60, **fields}
    found = client.post(PATH, json=body)
    assert found.status_code == 200, found.text
    answer = found.json()
    assert isinstance(answer, dict)
    return answer


def chunks(client: TestClient, **fields: Any) -> list[dict[str, Any]]:
    """Its stream."""
    body = {"model": "demo", "prompt": PROMPT, "temperature": 0, "max_tokens": 60, **fields}
    text = client.post(PATH, json={**body, "stream": True}).text
    events = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    assert events[-1] == "[DONE]"
    return [json.loads(event) for event in events[:-1]]


def test_specials_are_read_and_written(client: TestClient) -> None:
    choice = complete(client)["choices"][0]
    assert choice["text"].startswith("<|channel|>analysis<|message|>3+4.")
    assert choice["text"].endswith(f"<|channel|>final<|message|>{ANSWER}")
    assert choice["finish_reason"] == "stop"


def test_ids_are_a_prompt_too(client: TestClient) -> None:
    ids = [200006, 1428, 200008]
    body = complete(client, prompt=ids, max_tokens=4)
    assert body["usage"] == {
        **body["usage"],
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
    }
    assert body["choices"][0]["finish_reason"] == "length"


def test_sixteen_tokens_are_the_default(client: TestClient) -> None:
    assert complete(client, max_tokens=None)["usage"]["completion_tokens"] == 16


def test_several_prompts_and_choices(client: TestClient) -> None:
    body = complete(client, prompt=[PROMPT, PROMPT.replace("3", "5")], n=2)
    texts = [choice["text"] for choice in body["choices"]]
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    assert texts[0] == texts[1] != texts[2] == texts[3]
    one = complete(client)["usage"]
    assert body["usage"]["prompt_tokens"] == 2 * one["prompt_tokens"]


def test_a_stop_string_and_echo(client: TestClient) -> None:
    body = complete(client, stop=["Ones"], echo=True)["choices"][0]
    assert body["text"] == f"{PROMPT}<|channel|>analysis<|message|>3+4. "
    assert body["finish_reason"] == "stop"


def test_logprobs(client: TestClient) -> None:
    choice = complete(client, logprobs=2, max_tokens=8)["choices"][0]
    told = choice["logprobs"]
    assert "".join(told["tokens"]) == choice["text"]
    assert len(told["tokens"]) == len(told["token_logprobs"]) == len(told["text_offset"]) == 8
    assert all(value <= 0 for value in told["token_logprobs"])
    assert told["text_offset"][:3] == [0, 11, 19]
    assert all(len(top) == 2 for top in told["top_logprobs"])


def test_a_stream_says_the_same(client: TestClient) -> None:
    parts = chunks(client)
    whole = complete(client)["choices"][0]
    assert "".join(part["choices"][0]["text"] for part in parts) == whole["text"]
    reasons = [part["choices"][0]["finish_reason"] for part in parts]
    assert reasons == [None] * (len(parts) - 1) + ["stop"]
    assert len({part["id"] for part in parts}) == 1
    last = chunks(client, stream_options={"include_usage": True})[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] > 0
    echoed = chunks(client, echo=True)
    assert echoed[0]["choices"][0]["text"] == PROMPT


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [999_999]}, "prompt"),
        ({"prompt": [2**70]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": ["x"] * 20}, "prompt"),
        ({"prompt": [17] * 131_072}, "prompt"),
        ({"suffix": "x"}, "suffix"),
        ({"logprobs": 50}, "logprobs"),
        ({"logprobs": 1, "echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"logit_bias": {"999999": 1}}, "logit_bias"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, fields: dict[str, Any], param: str) -> None:
    body = {"model": "demo", "prompt": PROMPT, **fields}
    found = client.post(PATH, json=body)
    assert found.status_code == 400, found.text
    assert found.json()["error"]["param"] == param
