"""``/api/generate``."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from tests.server.ollama.ask import COUNTS, ask, lines, refused

SUM = "What is 27 + 15?"


def test_a_streamed_answer(client: TestClient) -> None:
    *parts, last = lines(client, "/api/generate", prompt=SUM)
    assert "".join(part["response"] for part in parts) == "27 + 15 = 42."
    assert "7+5=12" in "".join(part.get("thinking", "") for part in parts)
    assert last["response"] == ""
    assert last["done_reason"] == "stop"
    assert all(type(last[name]) is int for name in COUNTS)


def test_settings(client: TestClient) -> None:
    found = ask(client, "/api/generate", prompt=SUM, think="low", system="You are a calculator.")
    assert found["response"] == "27 + 15 = 42."
    assert found["thinking"] == "7+5=12, 2+1+1=4"
    assert "thinking" not in ask(client, "/api/generate", prompt=SUM, think=False)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert "n" in json.loads(ask(client, "/api/generate", prompt=SUM, format=schema)["response"])
    cut = ask(client, "/api/generate", prompt=SUM, options={"temperature": 0, "num_predict": 3})
    assert cut["done_reason"] == "length"


def test_context_goes_on(client: TestClient) -> None:
    first = ask(client, "/api/generate", prompt=SUM)
    assert all(type(id_) is int for id_ in first["context"])
    second = ask(client, "/api/generate", prompt="What is the capital of Japan?",
                 context=first["context"])  # fmt: skip
    alone = ask(client, "/api/generate", prompt="What is the capital of Japan?")
    assert "Tokyo" in second["response"]
    assert second["prompt_eval_count"] > alone["prompt_eval_count"] + 20
    assert len(second["context"]) > len(first["context"])
    for wrong in ([1, 2, 3], ["x"], [10**9], first["context"][:-4]):
        assert "context" in refused(client, "/api/generate", prompt=SUM, context=wrong)


def test_raw(client: TestClient) -> None:
    prompt = "<|start|>user<|message|>What is 27 + 15?<|end|><|start|>assistant"
    found = ask(client, "/api/generate", prompt=prompt, raw=True)
    assert found["response"].startswith("<|channel|>analysis<|message|>")
    assert "<|start|>assistant<|channel|>final<|message|>" in found["response"]
    assert "context" not in found
    assert found["prompt_eval_count"] == 14
    parts = lines(client, "/api/generate", prompt=prompt, raw=True, logprobs=True)
    assert "".join(part["response"] for part in parts) == found["response"]
    assert all("logprobs" in part for part in parts[:-1])


def test_loading_and_unloading(client: TestClient) -> None:
    assert ask(client, "/api/generate")["done_reason"] == "load"
    assert ask(client, "/api/generate", prompt="", keep_alive="0")["done_reason"] == "unload"
    assert ask(client, "/api/generate", prompt="", keep_alive=-1)["done_reason"] == "load"


@pytest.mark.parametrize(
    ("field", "value"), [("suffix", "x"), ("images", ["aGk="]), ("prompt", 5), ("raw", "yes")]
)
def test_bad_requests(client: TestClient, field: str, value: object) -> None:
    assert field in refused(client, "/api/generate", **{"prompt": SUM, field: value})


def test_template_is_ignored(client: TestClient) -> None:
    found = ask(client, "/api/generate", prompt=SUM, template="{{ .Prompt }}")
    assert found["response"] == "27 + 15 = 42."
