"""openai: Responses."""

from openai import OpenAI
from pydantic import BaseModel
from task import FUNCTION, KEY, MODEL, PERSON, SUM, URL, WEATHER, call, report


class Person(BaseModel):
    name: str
    age: int


client = OpenAI(base_url=URL + "/v1", api_key=KEY)
tools = [{"type": "function", "strict": False, **FUNCTION}]


def streamed() -> dict:
    with client.responses.stream(model=MODEL, input=SUM, temperature=0) as stream:
        events = list(stream)
        final = stream.get_final_response()
    pieces = [each.delta for each in events if each.type == "response.output_text.delta"]
    reasoning = [each.delta for each in events if each.type == "response.reasoning_text.delta"]
    return {
        "text": final.output_text,
        "joined": "".join(pieces),
        "pieces": len(pieces),
        "reasoning": "".join(reasoning),
        "first": events[0].type,
        "last": events[-1].type,
    }


def tool() -> dict:
    first = client.responses.create(model=MODEL, input=WEATHER, tools=tools, temperature=0)
    calls = [item for item in first.output if item.type == "function_call"]
    second = client.responses.create(
        model=MODEL,
        previous_response_id=first.id,
        input=[
            {
                "type": "function_call_output",
                "call_id": each.call_id,
                "output": call(each.arguments),
            }
            for each in calls
        ],
        tools=tools,
        temperature=0,
    )
    return {"calls": [[each.name, each.arguments] for each in calls], "text": second.output_text}


def stateless() -> str:
    """The same without the server's memory: every item is sent back."""
    history = [{"role": "user", "content": WEATHER}]
    settings = {
        "model": MODEL,
        "tools": tools,
        "temperature": 0,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    first = client.responses.create(input=history, **settings)
    history += first.output
    history += [
        {"type": "function_call_output", "call_id": each.call_id, "output": call(each.arguments)}
        for each in first.output
        if each.type == "function_call"
    ]
    return client.responses.create(input=history, **settings).output_text


def structured() -> dict:
    done = client.responses.parse(model=MODEL, input=PERSON, text_format=Person, temperature=0)
    return done.output_parsed.model_dump()


def stored() -> dict:
    made = client.responses.create(model=MODEL, input=SUM, temperature=0)
    found = client.responses.retrieve(made.id)
    items = client.responses.input_items.list(made.id).data
    client.responses.delete(made.id)
    return {"same": found.output_text == made.output_text, "input": items[0].content[0].text}


report(
    stream=streamed(), tool=tool(), stateless=stateless(), structured=structured(), stored=stored()
)
