"""Function tools, as OpenAI's APIs describe them, for the developer message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.harmony.schema import plain
from gptoss_metal.harmony.vocabulary import well_formed

if TYPE_CHECKING:
    from openai_harmony import ToolDescription

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Tool:
    """A function the model may call.

    Attributes:
        name: 1 to 64 letters, digits, ``_``, ``-``, ``.``
        description: for the model; may be empty.
        parameters: JSON schema of the arguments, or None for a function without any.
        freeform: a custom tool: its argument is text, not JSON; it has no `parameters`.
        grammar: of a custom tool's text: ``{"syntax": "lark" or "regex", "definition": …}``.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    freeform: bool = False
    grammar: Mapping[str, Any] | None = None

    def described(self) -> ToolDescription:
        """The form openai-harmony renders (its description must be a string)."""
        from openai_harmony import ToolDescription

        schema = None if self.parameters is None else plain(self.parameters)
        if schema is not None and not schema.get("properties"):
            schema = None
        return ToolDescription(
            name=self.name, description=well_formed(self.description), parameters=schema
        )


def read_tools(tools: Sequence[Mapping[str, Any] | Tool]) -> list[Tool]:
    """Reads tools.

    Args:
        tools: each a `Tool`, ``{"type": "function", "function": {"name": …}}`` (Chat Completions)
            or ``{"type": "function", "name": …}`` (Responses).

    Raises:
        Error: a tool has no usable name, a wrong field, or the name of an earlier one.
    """
    found: dict[str, Tool] = {}
    for number, given in enumerate(tools):
        tool = given if isinstance(given, Tool) else _read(given, number)
        if not _NAME.fullmatch(tool.name):
            raise Error(
                f"[tools] {tool.name!r} is not a function name. "
                "Try: 1 to 64 letters, digits, '_', '-' or '.'."
            )
        if tool.name in found:
            raise Error(f"[tools] two functions are named {tool.name}. Try: rename one.")
        found[tool.name] = tool
    return list(found.values())


def _read(given: Any, number: int) -> Tool:
    body = given.get("function", given) if isinstance(given, Mapping) else None
    if not isinstance(body, Mapping) or given.get("type", "function") != "function":
        raise Error(
            f"[tools] tool {number} is not a function. "
            'Try: {"type": "function", "function": {"name": …, "parameters": …}}.'
        )
    name, description = body.get("name"), body.get("description")
    parameters = body.get("parameters")
    if not isinstance(name, str):
        raise Error(f'[tools] tool {number} has no name. Try: "name": "get_weather".')
    if not isinstance(description, str | None):
        raise Error(f"[tools] {name}: the description is not a string. Try: a string.")
    if not isinstance(parameters, Mapping | None):
        raise Error(f"[tools] {name}: the parameters are no JSON schema. Try: an object.")
    return Tool(name, description or "", parameters)
