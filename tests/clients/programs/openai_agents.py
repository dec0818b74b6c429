"""openai-agents: an agent with a tool, over both of OpenAI's APIs."""

import asyncio

from agents import (
    Agent,
    AsyncOpenAI,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from pydantic import BaseModel
from task import KEY, MODEL, PERSON, SUM, URL, WEATHER, get_weather, report


class Person(BaseModel):
    name: str
    age: int


async def work(model: object) -> dict:
    settings = ModelSettings(temperature=0)
    plain = Agent(name="plain", model=model, model_settings=settings)
    run = Runner.run_streamed(plain, SUM)
    pieces = [
        event.data.delta
        async for event in run.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    weather = Agent(
        name="weather",
        model=model,
        model_settings=settings,
        tools=[function_tool(get_weather, strict_mode=False)],
    )
    asked = await Runner.run(weather, WEATHER)
    calls = [
        [item.raw_item.name, item.raw_item.arguments]
        for item in asked.new_items
        if item.type == "tool_call_item"
    ]
    person = Agent(name="person", model=model, model_settings=settings, output_type=Person)
    answered = await Runner.run(person, PERSON)
    return {
        "stream": {"text": run.final_output, "pieces": len(pieces)},
        "tool": {"calls": calls, "text": asked.final_output},
        "structured": answered.final_output.model_dump(),
    }


async def main() -> None:
    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=URL + "/v1", api_key=KEY)
    report(
        responses=await work(OpenAIResponsesModel(MODEL, client)),
        chat=await work(OpenAIChatCompletionsModel(MODEL, client)),
    )


asyncio.run(main())
