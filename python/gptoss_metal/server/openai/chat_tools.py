"""Tools and tool choice of a Chat Completions request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gptoss_metal.harmony.tools import Tool
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import BuiltIn, ToolChoice

BUILTINS: Final[Mapping[str, BuiltIn]] = {
    "web_search": "browser",
    "web_search_preview": "browser",
    "browser_search": "browser",
    "code_interpreter": "python",
}
"""Types of tools that the server runs itself."""
MOST_TOOLS: Final = 1024


def read_tools(fields: Fields) -> tuple[list[Tool], list[BuiltIn]]:
    """The tools the client runs, and those the server runs.

    Raises:
        Problem: a tool of an unknown type, without a name, or with the name of an earlier one.
    """
    if fields.body.get("functions"):
        raise Problem(
            "[serve] functions are called tools now. Try: tools.",
            "invalid",
            param="functions",
            code="unsupported_parameter",
        )
    given = fields.items("tools")
    if len(given) > MOST_TOOLS:
        raise Problem(f"[serve] {len(given)} tools. Try: up to {MOST_TOOLS}.", param="tools")
    tools: list[Tool] = []
    builtins: list[BuiltIn] = []
    if fields.object("web_search_options") is not None:
        builtins.append("browser")
    for number, item in enumerate(given):
        inner = Fields(item if isinstance(item, Mapping) else {}, f"{fields.where}tools[{number}].")
        kind = inner.choice("type", ("function", "custom", *BUILTINS))
        if kind is None:
            raise inner.wrong("type", "function or custom")
        if isinstance(kind, str) and kind in BUILTINS:
            builtins.append(BUILTINS[kind])
        else:
            tools.append(_tool(inner.inner(kind), kind))
            _check_new(tools, inner.where + kind)
    return tools, list(dict.fromkeys(builtins))


def read_choice(
    fields: Fields, tools: Sequence[Tool], builtins: Sequence[BuiltIn] = ()
) -> ToolChoice:
    """Which tools the model may or must call.

    Raises:
        Problem: it names a tool that is not there, or is none of OpenAI's forms.
    """
    given = fields.body.get("tool_choice")
    if given is None or given == "auto":
        return ToolChoice()
    if given == "none":
        return ToolChoice("none")
    if given == "required":
        names: list[str] | None = None
        mode = "required"
    elif isinstance(given, Mapping) and given.get("type") == "allowed_tools":
        allowed = fields.inner("tool_choice").inner("allowed_tools")
        mode = allowed.choice("mode", ("auto", "required")) or "auto"
        names = [_named(item, fields) for item in allowed.items("tools")]
    else:
        mode, names = "required", [_named(given, fields)]
    known = {tool.name for tool in tools} | set(builtins)
    unknown = [name for name in names or () if name not in known]
    if unknown or not (tools or builtins):
        what = f"the tool {unknown[0]!r}, which is not among tools" if unknown else "a tool"
        raise Problem(
            f"[serve] tool_choice asks for {what}, and tools has {len(tools)}. "
            "Try: one of tools, or auto.",
            param="tool_choice",
        )
    return ToolChoice(
        "required" if mode == "required" else "auto", None if names is None else frozenset(names)
    )


def _named(choice: Any, fields: Fields) -> str:
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if isinstance(kind, str) and kind in BUILTINS:
        return BUILTINS[kind]
    body = choice.get(kind) if kind in ("function", "custom") else None
    name = body.get("name") if isinstance(body, Mapping) else None
    if not isinstance(name, str):
        raise fields.wrong(
            "tool_choice", 'auto, none, required or {"type": "function", "function": {"name": …}}'
        )
    return name


def _tool(body: Fields, kind: str) -> Tool:
    name = body.required("name")
    description = body.text("description") or ""
    if kind == "function":
        parameters = body.object("parameters")
        return Tool(name, description, parameters, strict=body.flag("strict"))
    style = body.inner("format")
    if (style.choice("type", ("text", "grammar")) or "text") == "text":
        return Tool(name, description, freeform=True)
    # Chat Completions nests the grammar once more; Responses does not.
    grammar = style.inner("grammar") if style.object("grammar") is not None else style
    syntax = grammar.choice("syntax", ("lark", "regex"))
    if syntax is None:
        raise grammar.wrong("syntax", "lark or regex")
    definition = grammar.required("definition")
    text = {"syntax": syntax, "definition": definition}
    return Tool(name, description, freeform=True, grammar=text)


def _check_new(tools: Sequence[Tool], place: str) -> None:
    name = tools[-1].name
    if any(tool.name == name for tool in tools[:-1]):
        raise Problem(
            f"[serve] two tools are named {name}. Try: rename one.", param=f"{place}.name"
        )
