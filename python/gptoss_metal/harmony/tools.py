"""The tools a model may call, as OpenAI's APIs describe them, for the developer message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from gptoss_metal.errors import Error
from gptoss_metal.harmony.schema import plain
from gptoss_metal.harmony.vocabulary import well_formed

if TYPE_CHECKING:
    from openai_harmony import ToolDescription

BuiltIn = Literal["browser", "python"]
BUILTINS: Final[tuple[BuiltIn, ...]] = get_args(BuiltIn)

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SYNTAXES: Final = ("lark", "regex")
_RAW: Final = "Write the raw input as the message body: plain text, no JSON, no quotes around it."


@dataclass(frozen=True)
class Tool:
    """A function the model may call, or a custom tool, which takes text of any form.

    Attributes:
        name: 1 to 64 letters, digits, ``_``, ``-``, ``.``
        description: for the model; may be empty.
        parameters: JSON schema of the arguments, or None for a function without any.
        freeform: a custom tool: its argument is text, not JSON; it has no `parameters`.
        grammar: of a custom tool's text: ``{"syntax": "lark" or "regex", "definition": …}``.
        strict: a schema that cannot be enforced wholly is refused. Otherwise what cannot be
            enforced is left to the model.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    freeform: bool = False
    grammar: Mapping[str, Any] | None = None
    strict: bool = False

    def described(self) -> ToolDescription:
        """The form openai-harmony renders (its description must be a string)."""
        from openai_harmony import ToolDescription

        if self.freeform:
            text = "\n".join(part for part in (self.description, _RAW, self._syntax()) if part)
            return ToolDescription(
                name=self.name, description=well_formed(text), parameters={"type": "string"}
            )
        schema = None if self.parameters is None else plain(self.parameters)
        if schema is not None and not schema.get("properties"):
            schema = None
        return ToolDescription(
            name=self.name, description=well_formed(self.description), parameters=schema
        )

    def _syntax(self) -> str:
        if self.grammar is None:
            return ""
        kind = "regular expression" if self.grammar["syntax"] == "regex" else "Lark grammar"
        return f"The input must match this {kind}:\n{self.grammar['definition'].strip()}"


@dataclass(frozen=True)
class ToolChoice:
    """Which tools the model may or must call.

    Attributes:
        mode: ``auto``, ``none`` or ``required``.
        names: the only tools allowed, built-in ones (``browser``, ``python``) by their names too;
            None for all.
    """

    mode: Literal["auto", "none", "required"] = "auto"
    names: frozenset[str] | None = None


AUTO: Final = ToolChoice()


def read_tools(tools: Sequence[Mapping[str, Any] | Tool]) -> list[Tool]:
    """Reads tools.

    Args:
        tools: each a `Tool`, ``{"type": "function", "function": {"name": …}}`` (Chat Completions)
            or ``{"type": "function", "name": …}`` (Responses); ``custom`` instead of ``function``
            for a tool that takes plain text, perhaps by a ``format`` with a grammar.

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


def check_builtins(builtins: Sequence[str]) -> None:
    """Raises Error if one of the built-in tools is unknown."""
    for name in builtins:
        if name not in BUILTINS:
            raise Error(
                f"[tools] there is no built-in tool {name!r}. Try: {' or '.join(BUILTINS)}."
            )


def _read(given: Any, number: int) -> Tool:
    kind = given.get("type", "function") if isinstance(given, Mapping) else None
    body = given.get(kind, given) if isinstance(given, Mapping) else None
    if not isinstance(body, Mapping) or kind not in ("function", "custom"):
        raise Error(
            f"[tools] tool {number} is not a function. "
            'Try: {"type": "function", "function": {"name": …, "parameters": …}}.'
        )
    name, description = body.get("name"), body.get("description")
    if not isinstance(name, str):
        raise Error(f'[tools] tool {number} has no name. Try: "name": "get_weather".')
    if not isinstance(description, str | None):
        raise Error(f"[tools] {name}: the description is not a string. Try: a string.")
    if kind == "custom":
        grammar = _grammar(body.get("format"), name)
        return Tool(name, description or "", freeform=True, grammar=grammar)
    parameters, strict = body.get("parameters"), body.get("strict")
    if not isinstance(parameters, Mapping | None):
        raise Error(f"[tools] {name}: the parameters are no JSON schema. Try: an object.")
    return Tool(name, description or "", parameters, strict=strict is True)


def _grammar(given: Any, name: str) -> Mapping[str, Any] | None:
    """A custom tool's format, in either API's form; None for plain text."""
    if given is None or (isinstance(given, Mapping) and given.get("type") == "text"):
        return None
    grammar = given.get("grammar", given) if isinstance(given, Mapping) else {}
    if not isinstance(grammar, Mapping):
        grammar = {}
    syntax, definition = grammar.get("syntax"), grammar.get("definition")
    if syntax not in _SYNTAXES or not isinstance(definition, str):
        raise Error(
            f"[tools] {name}: the format is no grammar. "
            'Try: {"type": "grammar", "syntax": "lark", "definition": "start: …"}.'
        )
    return {"syntax": syntax, "definition": definition}
