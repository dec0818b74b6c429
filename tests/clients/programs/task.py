"""What every Python client is asked to do, and how a program says what came of it.

The programs run in an environment that has the clients and nothing of gptoss-metal. Each prints
one JSON object.
"""

import json
import os
from typing import Any

URL = os.environ["SERVER_URL"]
MODEL = os.environ["SERVER_MODEL"]
KEY = "any"

SUM = "What is 27 + 15?"
WEATHER = "What is the weather in Paris?"
PERSON = "Return Anna, aged 33, as JSON."

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The name of the city."}},
    "required": ["city"],
}
FUNCTION = {
    "name": "get_weather",
    "description": "Gets the current weather for a city.",
    "parameters": CITY,
}
PERSON_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def get_weather(city: str) -> str:
    """Gets the current weather for a city.

    Args:
        city: The name of the city.
    """
    return json.dumps({"city": city, "temperature": 21, "condition": "sunny"})


def call(arguments: str) -> str:
    """The tool's result for arguments as the model wrote them."""
    return get_weather(**json.loads(arguments))


def report(**found: Any) -> None:
    """Prints what was found."""
    print(json.dumps(found))
