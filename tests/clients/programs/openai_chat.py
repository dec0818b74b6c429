"""openai: Chat Completions."""

from openai import OpenAI
from pydantic import BaseModel
from task import FUNCTION, KEY, MODEL, PERSON, SUM, URL, WEATHER, call, report


class Person(BaseModel):
    name: str
    age: int


client = OpenAI(base_url=URL + "/v1", api_key=KEY)
tools = [{"type": "function", "function": FUNCTION}]


def streamed() -> dict:
    pieces, reasoning, usage = [], [], None
    for chunk in client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": SUM}],
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces += [choice.delta.content] if choice.delta.content else []
            reasoning += [choice.delta.reasoning] if getattr(choice.delta, "reasoning", "") else []
    return {
        "text": "".join(pieces),
        "pieces": len(pieces),
        "reasoning": "".join(reasoning),
        "reasoning_tokens": usage.completion_tokens_details.reasoning_tokens,
        "completion_tokens": usage.completion_tokens,
    }


def tool() -> dict:
    messages = [{"role": "user", "content": WEATHER}]
    with client.chat.completions.stream(
        model=MODEL, messages=messages, tools=tools, temperature=0
    ) as stream:
        kinds = [event.type for event in stream]
        first = stream.get_final_completion()
    message = first.choices[0].message
    messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
    calls = message.tool_calls
    messages += [
        {"role": "tool", "tool_call_id": each.id, "content": call(each.function.arguments)}
        for each in calls
    ]
    second = client.chat.completions.create(
        model=MODEL, messages=messages, tools=tools, temperature=0
    )
    return {
        "calls": [[each.function.name, each.function.arguments] for each in calls],
        "finish": first.choices[0].finish_reason,
        "argument_deltas": kinds.count("tool_calls.function.arguments.delta"),
        "text": second.choices[0].message.content,
        "cached_tokens": second.usage.prompt_tokens_details.cached_tokens,
    }


def forced() -> list:
    done = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": SUM}],
        tools=tools,
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        temperature=0,
    )
    return [each.function.name for each in done.choices[0].message.tool_calls]


def structured() -> dict:
    done = client.chat.completions.parse(
        model=MODEL,
        messages=[{"role": "user", "content": PERSON}],
        response_format=Person,
        temperature=0,
    )
    return done.choices[0].message.parsed.model_dump()


report(
    stream=streamed(),
    tool=tool(),
    forced=forced(),
    structured=structured(),
    models=[each.id for each in client.models.list()],
)
