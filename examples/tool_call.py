"""A function the model may call: it asks, we answer, it goes on.

python examples/tool_call.py [MODEL]
"""

import json
import sys

from gptoss_metal import Done, Model, Sampling, ToolCall

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Gets the current weather for a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "The name of the city."}},
            "required": ["city"],
        },
    },
}


def get_weather(city: str) -> str:
    """Stands for a call to a weather service."""
    return json.dumps({"city": city, "temperature": 21, "condition": "sunny"})


def main() -> None:
    model = Model.load(sys.argv[1] if len(sys.argv) > 1 else "demo")
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    for _ in range(4):
        calls = []
        for event in model.chat(messages, [WEATHER], sampling=Sampling(temperature=0)):
            if isinstance(event, ToolCall):
                calls.append(event)
            elif isinstance(event, Done):
                messages.append(event.message)
        if not calls:
            break
        for call in calls:
            print(f"{call.name}({call.arguments})")
            arguments = call.parsed or {}
            result = get_weather(str(arguments.get("city", "")))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    print(messages[-1]["content"])


if __name__ == "__main__":
    main()
