"""ollama: its native API."""

import json

from ollama import Client
from task import MODEL, PERSON, PERSON_SCHEMA, SUM, URL, WEATHER, get_weather, report

client = Client(host=URL)
settings = {"model": MODEL, "options": {"temperature": 0}}


def streamed() -> dict:
    parts = list(
        client.chat(
            messages=[{"role": "user", "content": SUM}], stream=True, think="low", **settings
        )
    )
    pieces = [part.message.content for part in parts if part.message.content]
    return {
        "text": "".join(pieces),
        "pieces": len(pieces),
        "reasoning": "".join(part.message.thinking or "" for part in parts),
        "done": parts[-1].done_reason,
        "tokens": parts[-1].eval_count,
    }


def tool() -> dict:
    messages = [{"role": "user", "content": WEATHER}]
    first = client.chat(messages=messages, tools=[get_weather], **settings).message
    messages.append(first)
    messages += [
        {
            "role": "tool",
            "tool_name": each.function.name,
            "content": get_weather(**each.function.arguments),
        }
        for each in first.tool_calls
    ]
    second = client.chat(messages=messages, tools=[get_weather], **settings).message
    calls = [[each.function.name, json.dumps(each.function.arguments)] for each in first.tool_calls]
    return {"calls": calls, "text": second.content}


def structured() -> dict:
    done = client.chat(
        messages=[{"role": "user", "content": PERSON}], format=PERSON_SCHEMA, **settings
    )
    return json.loads(done.message.content)


shown = client.show(MODEL)
report(
    stream=streamed(),
    tool=tool(),
    structured=structured(),
    generated=client.generate(prompt=SUM, **settings).response,
    listed=[each.model for each in client.list().models],
    capabilities=shown.capabilities,
    running=[each.model for each in client.ps().models],
)
