"""OpenAI's own Python client against the real server."""

from __future__ import annotations

import json
from typing import Any

import openai
import pydantic
import pytest

from tests.server.responses.conftest import REPORT, WEATHER

PARIS = "What is the weather in Paris?"


class Capital(pydantic.BaseModel):
    country: str
    capital: str


def test_create(official: openai.OpenAI) -> None:
    made = official.responses.create(model="demo", input="What is 27 + 15?", temperature=0)
    assert "42" in made.output_text
    assert made.usage is not None
    assert made.usage.output_tokens_details.reasoning_tokens > 0


def test_stream(official: openai.OpenAI) -> None:
    kinds, text = [], ""
    with official.responses.stream(model="demo", input="What is 27 + 15?", temperature=0) as events:
        for event in events:
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                text += event.delta
                assert event.snapshot == text
        final = events.get_final_response()
    assert final.output_text == text
    assert "42" in text
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


def test_parse(official: openai.OpenAI) -> None:
    made = official.responses.parse(
        model="demo",
        input="Give me France and its capital as JSON.",
        text_format=Capital,
        temperature=0,
    )
    assert isinstance(made.output_parsed, Capital)
    assert made.output_parsed.capital == "Paris"


def test_stream_of_a_parsed_answer(official: openai.OpenAI) -> None:
    with official.responses.stream(
        model="demo",
        input="Give me France and its capital as JSON.",
        text_format=Capital,
        temperature=0,
    ) as events:
        final = events.until_done().get_final_response()
    assert isinstance(final.output_parsed, Capital)


def test_a_streamed_call(official: openai.OpenAI) -> None:
    arguments = ""
    tools: Any = [WEATHER]
    with official.responses.stream(model="demo", input=PARIS, tools=tools, temperature=0) as events:
        for event in events:
            if event.type == "response.function_call_arguments.delta":
                arguments += event.delta
    assert json.loads(arguments) == {"city": "Paris"}


def test_a_loop_with_the_stored_response(official: openai.OpenAI) -> None:
    tools: Any = [WEATHER]
    first = official.responses.create(model="demo", input=PARIS, tools=tools, temperature=0)
    (call,) = [item for item in first.output if item.type == "function_call"]
    second = official.responses.create(
        model="demo",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": REPORT}],
        tools=tools,
        temperature=0,
    )
    assert "21" in second.output_text


def test_a_loop_with_items(official: openai.OpenAI) -> None:
    tools: Any = [WEATHER]
    items: Any = [{"role": "user", "content": PARIS}]
    more: Any = {"include": ["reasoning.encrypted_content"], "store": False, "temperature": 0}
    first = official.responses.create(model="demo", input=items, tools=tools, **more)
    items += [item.model_dump(exclude_none=True) for item in first.output]
    (call,) = [item for item in first.output if item.type == "function_call"]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": REPORT})
    second = official.responses.create(model="demo", input=items, tools=tools, **more)
    assert "21" in second.output_text
    assert second.usage is not None
    assert second.usage.input_tokens_details.cached_tokens >= first.usage.total_tokens - 1  # type: ignore[union-attr]


def test_retrieve_list_and_delete(official: openai.OpenAI) -> None:
    made = official.responses.create(model="demo", input="Hello", temperature=0)
    found = official.responses.retrieve(made.id)
    assert found.output_text == made.output_text
    listed = list(official.responses.input_items.list(made.id, limit=1))
    assert [item.type for item in listed] == ["message"]
    official.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        official.responses.retrieve(made.id)


def test_pages_are_walked(official: openai.OpenAI) -> None:
    items: Any = [{"role": "user", "content": f"Number {n}."} for n in range(7)]
    made = official.responses.create(model="demo", input=items, max_output_tokens=16)
    found = list(official.responses.input_items.list(made.id, limit=3, order="asc"))
    assert [item.content[0].text for item in found] == [f"Number {n}." for n in range(7)]  # type: ignore[union-attr]


def test_errors_are_the_clients_own(official: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        official.responses.create(model="demo", input=[{"type": "hologram"}])  # type: ignore[list-item]
    assert bad.value.param == "input[0].type"
    with pytest.raises(openai.NotFoundError) as missing:
        official.responses.create(model="gpt-6", input="x")
    assert missing.value.code == "model_not_found"


async def _both(base_url: str) -> list[str]:
    import asyncio

    async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key="none") as client:
        work = [
            client.responses.create(model="demo", input=f"What is 27 + {n}?", temperature=0)
            for n in (11, 15)
        ]
        return [made.output_text for made in await asyncio.gather(*work)]


def test_two_at_a_time(base_url: str) -> None:
    import asyncio

    first, second = asyncio.run(_both(base_url))
    assert "38" in first
    assert "42" in second
