"""A Messages request, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.sampling import Sampling
from gptoss_metal.server.anthropic.effort import Display, read_display, read_effort
from gptoss_metal.server.anthropic.messages import read_messages, read_system
from gptoss_metal.server.anthropic.tools import read_choice, read_tools
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import TurnRequest

_MOST: Final = 2**31 - 1
_RANGES: Final = {"temperature": (0, 2), "top_p": (0, 1), "top_k": (0, _MOST)}


@dataclass(frozen=True)
class Asked:
    """What a client asks for.

    Attributes:
        turn: the turn.
        stream: whether the answer comes as events.
        display: what the client sees of the reasoning.
    """

    turn: TurnRequest
    stream: bool
    display: Display


def read_request(body: Mapping[str, Any], *, counting: bool = False) -> Asked:
    """Reads the body of ``/v1/messages``, or of ``count_tokens``, which needs no ``max_tokens``.

    Raises:
        Problem: something is missing, or cannot be.
    """
    fields = Fields(body)
    model, limit = fields.required("model"), fields.integer("max_tokens", 1, _MOST)
    if limit is None and not counting:
        raise Problem(
            "[serve] max_tokens is missing. Try: 4096.",
            param="max_tokens",
            code="missing_required_parameter",
        )
    fields.object("metadata")
    tools = read_tools(fields)
    sampling = _sampling(fields)
    turn = TurnRequest(
        model,
        read_messages(fields),
        tools.own,
        read_choice(fields, tools.own),
        tools.builtins,
        response_format=_format(fields),
        reasoning_effort=read_effort(fields),
        instructions=read_system(fields),
        sampling=Sampling(**sampling),
        given=frozenset(sampling),
        max_tokens=limit,
        max_tool_calls=tools.most_searches,
    )
    return Asked(turn, fields.flag("stream"), read_display(fields))


def _sampling(fields: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (low, high) in _RANGES.items():
        read = fields.integer if name == "top_k" else fields.number
        value = read(name, low, high)
        if value is not None:
            found[name] = value
    if found.get("top_p") == 0:  # the likeliest token alone
        found |= {"top_p": 1.0, "top_k": 1}
    stops = fields.items("stop_sequences")
    if stops:
        found["stop"] = tuple(stops)
    try:
        Sampling(**found)
    except Error as problem:
        raise Problem(str(problem), param="stop_sequences") from None
    return found


def _format(fields: Fields) -> Mapping[str, Any] | None:
    """``output_config.format``, or the older ``output_format``."""
    outer = fields.inner("output_config")
    place = outer.object("format")
    inner = fields.inner("output_format") if place is None else outer.inner("format")
    if not inner.body:
        return None
    if inner.choice("type", ("json_schema",)) is None or inner.object("schema") is None:
        raise inner.wrong("schema", "a JSON schema, and type json_schema")
    schema = {"name": "response", "schema": inner.object("schema")}
    return {"type": "json_schema", "json_schema": schema}
