"""Tools and tool choice of a Messages request.

The client runs tools with an ``input_schema``; ``web_search_…`` is run by the server, with its
browser. Other tools that Anthropic defines are refused: gpt-oss was not trained for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gptoss_metal.harmony.tools import Tool
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import BuiltIn, ToolChoice

_SEARCH: Final = "web_search_"
_CHOICES: Final = ("auto", "any", "tool", "none")


@dataclass(frozen=True)
class Tools:
    """A request's tools.

    Attributes:
        own: those that the client runs.
        builtins: those that the server runs.
        most_searches: how often the server may call its own; None for its limit.
    """

    own: Sequence[Tool]
    builtins: Sequence[BuiltIn] = ()
    most_searches: int | None = None


def read_tools(fields: Fields) -> Tools:
    """The request's tools.

    Raises:
        Problem: a tool that Anthropic defines and that is not run here, one without a name, or two
            of one name.
    """
    tools: dict[str, Tool] = {}
    builtins: list[BuiltIn] = []
    most: int | None = None
    for number, item in enumerate(fields.items("tools")):
        inner = Fields(item if isinstance(item, Mapping) else {}, f"tools[{number}].")
        name, kind = inner.required("name"), inner.text("type") or "custom"
        if kind.startswith(_SEARCH):
            builtins, most = ["browser"], inner.integer("max_uses", 1, 1000)
            continue
        if kind != "custom":
            raise Problem(
                f"[serve] {inner.where}type is {kind!r}, a tool that gpt-oss was not "
                "trained for. Try: a tool with an input_schema.",
                param=f"{inner.where}type",
            )
        if name in tools:
            raise Problem(f"[serve] two tools are named {name}. Try: rename one.", param="tools")
        schema = inner.object("input_schema")
        tools[name] = Tool(name, inner.text("description") or "", schema)
    return Tools(list(tools.values()), builtins, most)


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
