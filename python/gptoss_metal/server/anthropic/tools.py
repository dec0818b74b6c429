"""Tools and tool choice of a Messages request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gptoss_metal.harmony.tools import Tool
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import ToolChoice

_CHOICES: Final = ("auto", "any", "tool", "none")


def read_tools(fields: Fields) -> list[Tool]:
    """The functions that the client runs.

    Raises:
        Problem: a tool of a type that Anthropic defines, one without a name, or two of one name.
    """
    tools: dict[str, Tool] = {}
    for number, item in enumerate(fields.items("tools")):
        inner = Fields(item if isinstance(item, Mapping) else {}, f"tools[{number}].")
        name = inner.required("name")
        if inner.text("type") not in (None, "custom"):
            raise Problem(
                f"[serve] {inner.where}type is {inner.text('type')!r}, a tool that gpt-oss was not "
                "trained for. Try: a tool with an input_schema.",
                param=f"{inner.where}type",
            )
        if name in tools:
            raise Problem(f"[serve] two tools are named {name}. Try: rename one.", param="tools")
        schema = inner.object("input_schema")
        tools[name] = Tool(name, inner.text("description") or "", schema)
    return list(tools.values())


def read_choice(fields: Fields, tools: Sequence[Tool]) -> ToolChoice:
    """Which tools the model may or must call.

    ``disable_parallel_tool_use`` changes nothing: gpt-oss calls one tool at a time.

    Raises:
        Problem: it names a tool that is not there.
    """
    if fields.object("tool_choice") is None:
        return ToolChoice()
    inner = fields.inner("tool_choice")
    kind = inner.choice("type", _CHOICES)
    if kind is None:
        raise inner.wrong("type", ", ".join(_CHOICES))
    inner.flag("disable_parallel_tool_use")
    if kind in ("auto", "none"):
        return ToolChoice("none") if kind == "none" else ToolChoice()
    names = {inner.required("name")} if kind == "tool" else None
    unknown = [name for name in names or () if name not in {tool.name for tool in tools}]
    if unknown or not tools:
        what = f"the tool {unknown[0]!r}" if unknown else "a tool"
        raise Problem(
            f"[serve] tool_choice asks for {what}, which tools does not have. "
            "Try: one of tools, or auto.",
            param="tool_choice",
        )
    return ToolChoice("required", None if names is None else frozenset(names))
