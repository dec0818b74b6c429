"""anthropic: the Messages API."""

import json

from anthropic import Anthropic
from task import CITY, KEY, MODEL, PERSON, PERSON_SCHEMA, SUM, URL, WEATHER, get_weather, report

client = Anthropic(base_url=URL, api_key=KEY)
# This version of the SDK has no parameter for the temperature any more.
settings = {"model": MODEL, "max_tokens": 2000, "extra_body": {"temperature": 0}}
tools = [
    {
        "name": "get_weather",
        "description": "Gets the current weather for a city.",
        "input_schema": CITY,
    }
]


def streamed() -> dict:
    with client.messages.stream(
        messages=[{"role": "user", "content": SUM}],
        thinking={"type": "enabled", "budget_tokens": 1024},
        **settings,
    ) as stream:
        events = list(stream)
        final = stream.get_final_message()
    pieces = [event.text for event in events if event.type == "text"]
    return {
        "text": "".join(block.text for block in final.content if block.type == "text"),
        "joined": "".join(pieces),
        "pieces": len(pieces),
        "reasoning": "".join(event.thinking for event in events if event.type == "thinking"),
        "stop": final.stop_reason,
    }


def tool() -> dict:
    messages = [{"role": "user", "content": WEATHER}]
    first = client.messages.create(messages=messages, tools=tools, **settings)
    calls = [block for block in first.content if block.type == "tool_use"]
    messages.append({"role": "assistant", "content": first.content})
    results = [
        {"type": "tool_result", "tool_use_id": each.id, "content": get_weather(**each.input)}
        for each in calls
    ]
    messages.append({"role": "user", "content": results})
    second = client.messages.create(messages=messages, tools=tools, **settings)
    text = "".join(block.text for block in second.content if block.type == "text")
    return {"calls": [[each.name, json.dumps(each.input)] for each in calls], "text": text}


def structured() -> dict:
    done = client.messages.create(
        messages=[{"role": "user", "content": PERSON}],
        output_config={"format": {"type": "json_schema", "schema": PERSON_SCHEMA}},
        **settings,
    )
    return json.loads("".join(block.text for block in done.content if block.type == "text"))


report(
    stream=streamed(),
    tool=tool(),
    structured=structured(),
    counted=client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": SUM}]
    ).input_tokens,
)
