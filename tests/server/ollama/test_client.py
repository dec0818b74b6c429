"""Ollama's own Python package against the real server."""

from __future__ import annotations

from collections.abc import Iterator

import ollama
import pytest
from pydantic import BaseModel

OPTIONS = {"temperature": 0}
SUM = [{"role": "user", "content": "What is 27 + 15?"}]
PARIS = [{"role": "user", "content": "What is the weather in Paris?"}]


class Answer(BaseModel):
    """What is asked for as JSON."""

    answer: int


def get_weather(city: str) -> str:
    """Get the weather of a city.

    Args:
        city: The city's name.

    Returns:
        The weather.
    """
    return f"It is 18 degrees and sunny in {city}."


@pytest.fixture(scope="module")
def remote(base_url: str) -> ollama.Client:
    return ollama.Client(base_url, trust_env=False)


@pytest.fixture
def alias(remote: ollama.Client) -> Iterator[str]:
    remote.create("calc", from_="demo", system="You are a calculator.", parameters=OPTIONS)
    yield "calc"
    if "calc:latest" in [model.model for model in remote.list().models]:
        remote.delete("calc")


def test_chat(remote: ollama.Client) -> None:
    found = remote.chat("demo", SUM, options=OPTIONS, think="low")
    assert found.message.content == "27 + 15 = 42."
    assert found.message.thinking == "7+5=12, 2+1+1=4"
    assert found.done_reason == "stop"
    assert found.eval_count == 32
    assert found.total_duration is not None
    assert found.total_duration > 0


def test_stream(remote: ollama.Client) -> None:
    parts = list(remote.chat("demo", SUM, options=OPTIONS, stream=True))
    assert len(parts) > 5
    assert "".join(part.message.content or "" for part in parts) == "27 + 15 = 42."
    assert "7+5" in "".join(part.message.thinking or "" for part in parts)
    assert parts[-1].done
    assert parts[-1].prompt_eval_count


def test_a_tool_and_its_result(remote: ollama.Client) -> None:
    messages: list[object] = [*PARIS]
    first = remote.chat("demo", messages, tools=[get_weather], options=OPTIONS)
    assert first.message.tool_calls is not None
    (call,) = first.message.tool_calls
    assert call.function.name == "get_weather"
    assert call.function.arguments == {"city": "Paris"}
    result = get_weather(**call.function.arguments)
    messages += [first.message, {"role": "tool", "tool_name": "get_weather", "content": result}]
    second = remote.chat("demo", messages, tools=[get_weather], options=OPTIONS)
    assert "18" in (second.message.content or "")
    assert "Paris" in (second.message.content or "")


def test_a_schema(remote: ollama.Client) -> None:
    found = remote.chat("demo", SUM, format=Answer.model_json_schema(), options=OPTIONS)
    Answer.model_validate_json(found.message.content or "")


def test_generate(remote: ollama.Client) -> None:
    found = remote.generate("demo", "What is 27 + 15?", options=OPTIONS)
    assert found.response == "27 + 15 = 42."
    again = remote.generate("demo", "And in words?", context=found.context, options=OPTIONS)
    assert again.done
    parts = list(remote.generate("demo", "What is 27 + 15?", options=OPTIONS, stream=True))
    assert "".join(part.response or "" for part in parts) == "27 + 15 = 42."
    assert remote.generate("demo", keep_alive="5m").done_reason == "load"


def test_list_show_ps(remote: ollama.Client) -> None:
    (entry,) = remote.list().models
    assert entry.model == "demo:latest"
    assert entry.size is not None
    assert entry.details is not None
    assert entry.details.family == "gptoss"
    assert entry.modified_at is not None
    shown = remote.show("demo")
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["gptoss.context_length"] == 131072
    remote.generate("demo", "x", options={"num_predict": 1})
    (running,) = remote.ps().models
    assert running.model == "demo:latest"
    assert running.expires_at is not None


def test_create_copy_delete(remote: ollama.Client, alias: str) -> None:
    assert remote.chat(alias, SUM).message.content == "27 + 15 = 42."
    assert remote.show(alias).parameters == f"{'temperature':30} 0"
    assert remote.copy(alias, "calc2").status == "success"
    assert {model.model for model in remote.list().models} == {
        "demo:latest",
        "calc:latest",
        "calc2:latest",
    }
    assert remote.delete("calc2").status == "success"
    with pytest.raises(ollama.ResponseError) as caught:
        remote.delete("calc2")
    assert caught.value.status_code == 404
    assert [part.status for part in remote.create("calc", from_="demo", stream=True)][-1] == (
        "success"
    )


def test_pull(remote: ollama.Client) -> None:
    assert remote.pull("demo").status == "success"
    assert [part.status for part in remote.pull("demo", stream=True)][-1] == "success"
    with pytest.raises(ollama.ResponseError) as caught:
        remote.pull("llama3")
    assert caught.value.status_code == 404


def test_errors(remote: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="no model 'nope'") as caught:
        remote.chat("nope", SUM)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="no model 'nope'"):
        list(remote.chat("nope", SUM, stream=True))
    with pytest.raises(ollama.ResponseError, match="embeddings"):
        remote.embed("demo", "x")
    with pytest.raises(ollama.ResponseError, match="text only"):
        remote.chat("demo", [{"role": "user", "content": "x", "images": [b"x"]}])
