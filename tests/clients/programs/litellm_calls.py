"""litellm: its routes to OpenAI-compatible servers, to Ollama, and to Responses."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no look-up of prices on the network

import litellm
from task import FUNCTION, KEY, MODEL, PERSON, PERSON_SCHEMA, SUM, URL, WEATHER, call, report

tools = [{"type": "function", "function": FUNCTION}]
person = {"name": "person", "schema": PERSON_SCHEMA, "strict": True}


def chat(route: str, base: str) -> dict:
    settings = {
        "model": f"{route}/{MODEL}",
        "api_base": base,
        "api_key": KEY,
        "temperature": 0,
    }
    pieces = [
        chunk.choices[0].delta.content
        for chunk in litellm.completion(
            messages=[{"role": "user", "content": SUM}], stream=True, **settings
        )
        if chunk.choices and chunk.choices[0].delta.content
    ]
    messages = [{"role": "user", "content": WEATHER}]
    first = litellm.completion(messages=messages, tools=tools, **settings).choices[0].message
    messages.append(first.model_dump())
    messages += [
        {"role": "tool", "tool_call_id": each.id, "content": call(each.function.arguments)}
        for each in first.tool_calls
    ]
    second = litellm.completion(messages=messages, tools=tools, **settings).choices[0].message
    structured = litellm.completion(
        messages=[{"role": "user", "content": PERSON}],
        response_format={"type": "json_schema", "json_schema": person},
        **settings,
    )
    return {
        "stream": {"text": "".join(pieces), "pieces": len(pieces)},
        "tool": {
            "calls": [[each.function.name, each.function.arguments] for each in first.tool_calls],
            "text": second.content,
        },
        "structured": json.loads(structured.choices[0].message.content),
    }


def responses() -> str:
    done = litellm.responses(
        model=f"openai/{MODEL}", input=SUM, api_base=URL + "/v1", api_key=KEY, temperature=0
    )
    return done.output_text


report(
    hosted_vllm=chat("hosted_vllm", URL + "/v1"),
    openai=chat("openai", URL + "/v1"),
    ollama_chat=chat("ollama_chat", URL),
    responses=responses(),
)
