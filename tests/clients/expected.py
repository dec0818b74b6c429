"""What the demo model answers, whoever asks."""

from __future__ import annotations

import json
from typing import Any

SUM = "27 + 15 = 42."
WEATHER = "It is 21 °C and sunny in Paris."
PERSON = {"name": "Anna", "age": 33}


def check_stream(found: dict[str, Any]) -> None:
    """The sum, and in pieces."""
    assert found["text"] == SUM, found
    assert found["pieces"] > 3, found
    if "joined" in found:
        assert found["joined"] == SUM, found


def check_tool(found: dict[str, Any]) -> None:
    """One call with the city asked for, and the answer from its result."""
    [[name, arguments]] = found["calls"]
    assert name == "get_weather"
    parsed = json.loads(arguments) if isinstance(arguments, str) else arguments
    assert parsed == {"city": "Paris"}, arguments
    assert found["text"] == WEATHER, found


def check_all(found: dict[str, Any]) -> None:
    """Stream, tool and structured output."""
    check_stream(found["stream"])
    check_tool(found["tool"])
    assert found["structured"] == PERSON, found
