"""OpenAI's own client against the real server."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.server.openai.ask import SUM, TOOL, WEATHER


class Capital(BaseModel):
    """What the demo model can write."""

    country: str
    capital: str


QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in JSON."}]


@pytest.fixture(scope="module")
def api(base_url: str) -> OpenAI:
    """A client of the server process."""
    return OpenAI(base_url=f"{base_url}/v1", api_key="any", max_retries=0)


def test_a_chat(api: OpenAI) -> None:
    found = api.chat.completions.create(model="demo", messages=SUM, temperature=0)
    assert found.choices[0].message.content == "27 + 15 = 42."
    assert found.choices[0].message.reasoning  # type: ignore[attr-defined]
    assert found.usage is not None
    assert found._request_id


def test_a_stream(api: OpenAI) -> None:
    with api.chat.completions.stream(model="demo", messages=SUM, temperature=0) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "27 + 15 = 42."
    assert "content.delta" in kinds
    assert kinds[-1] == "content.done"


def test_asynchronous_streams_side_by_side(base_url: str) -> None:
    async def one(client: AsyncOpenAI, a: int) -> str:
        question = [{"role": "user", "content": f"What is {a} + 15?"}]
        stream = await client.chat.completions.create(
            model="demo", messages=question, temperature=0, stream=True
        )
        return "".join([part.choices[0].delta.content or "" async for part in stream])

    async def several() -> list[str]:
        async with AsyncOpenAI(base_url=f"{base_url}/v1", api_key="any") as client:
            return await asyncio.gather(*(one(client, a) for a in range(20, 26)))

    assert asyncio.run(several()) == [f"{a} + 15 = {a + 15}." for a in range(20, 26)]


def test_a_tool_and_its_result(api: OpenAI) -> None:
    first = api.chat.completions.create(model="demo", messages=WEATHER, tools=[TOOL], temperature=0)
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    # The typed message has no reasoning: the server remembers it.
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"temperature":21}'}
    sent = message.model_dump(exclude={"reasoning", "reasoning_content"}, exclude_none=True)
    messages = [*WEATHER, sent, result]
    done = api.chat.completions.create(model="demo", messages=messages, tools=[TOOL], temperature=0)
    assert "21" in (done.choices[0].message.content or "")
    assert done.usage is not None
    assert first.usage is not None
    cached = done.usage.prompt_tokens_details
    assert cached is not None
    assert cached.cached_tokens is not None
    # Everything up to the call was computed before; what is new is the result.
    assert cached.cached_tokens >= first.usage.total_tokens - 1


def test_a_streamed_tool_call(api: OpenAI) -> None:
    with api.chat.completions.stream(
        model="demo", messages=WEATHER, tools=[TOOL], temperature=0
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "get_weather"
    assert calls[0].function.arguments == '{"city":"Paris"}'


def test_a_parsed_answer(api: OpenAI) -> None:
    found = api.chat.completions.parse(
        model="demo", messages=QUESTION, response_format=Capital, temperature=0
    )
    assert isinstance(found.choices[0].message.parsed, Capital)  # what it says is the model's


def test_models_and_completions(api: OpenAI) -> None:
    assert [model.id for model in api.models.list()] == ["demo"]
    assert api.models.retrieve("demo").id == "demo"
    found = api.completions.create(
        model="demo",
        prompt="<|start|>user<|message|>What is 3 + 4?<|end|><|start|>assistant",
        temperature=0,
        max_tokens=60,
    )
    assert found.choices[0].text.startswith("<|channel|>analysis<|message|>3+4.")
    assert found.choices[0].text.endswith("<|message|>3 + 4 = 7.")
    assert found.choices[0].finish_reason == "stop"


def test_errors_become_the_clients_own(api: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        api.chat.completions.create(model="gpt-7", messages=SUM)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        api.chat.completions.create(model="demo", messages=SUM, temperature=-1)
    assert wrong.value.param == "temperature"
