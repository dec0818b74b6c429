"""What a conversation's next prompt is, when the client sends only text back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gptoss_metal.events import Done
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.sampling import Sampling
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.served import Served
from tests.server.openai.ask import SUM, WEATHER

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER_TOOL = Tool("get_weather", "Current weather of a city", SCHEMA)


def asked(messages: list[Any], **fields: Any) -> TurnRequest:
    """A greedy turn."""
    return TurnRequest("demo", messages, sampling=Sampling(temperature=0), **fields)


def run(served: Served, request: TurnRequest) -> tuple[list[int], Done]:
    """A turn's prompt and its end."""
    prompt = served.turns.prepare(request).job.prompt.tolist()

    async def end() -> Done:
        *_, last = [event async for event in await served.open(request)]
        assert isinstance(last, Done)
        return last

    return prompt, asyncio.run(end())


def generated(done: Done) -> list[int]:
    """The tokens a turn added, as its history has them."""
    return [token for part in done.message["harmony"] for token in part["tokens"]]


@pytest.mark.parametrize("name", ["get_weather", "get-weather", "weather.get"])
def test_a_tool_loop_goes_on_from_the_very_tokens(served: Served, name: str) -> None:
    tools = [Tool(name, "Current weather of a city", SCHEMA)]
    prompt, done = run(served, asked(WEATHER, tools=tools))
    (call,) = done.message["tool_calls"]
    assert call["function"]["name"] == name
    assert done.message["reasoning"]
    # The client drops the thinking and spells the JSON in its own way.
    function = {"name": name, "arguments": '{ "city": "Paris" }'}
    again = {"id": call["id"], "type": "function", "function": function}
    sent = {"role": "assistant", "content": None, "tool_calls": [again]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": '{"temperature":21}'}
    following = served.turns.prepare(asked([*WEATHER, sent, result], tools=tools)).job
    head = prompt[:-2] + generated(done)  # without <|start|>assistant, which the turn repeats
    assert following.prompt.tolist()[: len(head)] == head
    assert len(head) in following.marks


def test_a_finished_answer_goes_without_its_thinking(served: Served) -> None:
    prompt, done = run(served, asked(SUM))
    sent = {"role": "assistant", "content": done.message["content"]}
    more = [*SUM, sent, {"role": "user", "content": "Thanks!"}]
    following = served.turns.prepare(asked(more)).job.prompt.tolist()
    final = done.message["harmony"][-1]["tokens"]
    head = prompt[:-2] + final
    assert following[: len(head)] == head
    text = served.model.vocabulary.text(following)
    assert done.message["reasoning"] not in text


def test_an_edited_answer_is_the_clients(served: Served) -> None:
    run(served, asked(SUM))
    more = [*SUM, {"role": "assistant", "content": "It is 41."}, *SUM]
    text = served.model.vocabulary.text(served.turns.prepare(asked(more)).job.prompt)
    assert "It is 41." in text
    assert "27 + 15 = 42." not in text


def test_a_second_turn_computes_only_what_is_new(served: Served) -> None:
    words = " ".join(f"item {number}" for number in range(400))
    first = [{"role": "user", "content": f"{words}. What is 27 + 15?"}]
    prompt, done = run(served, asked(first))
    sent = {"role": "assistant", "content": done.message["content"]}
    _, later = run(served, asked([*first, sent, {"role": "user", "content": "Thanks!"}]))
    assert later.usage.prompt_tokens - later.usage.cached_tokens < 60
    assert later.usage.cached_tokens >= len(prompt) - 2
