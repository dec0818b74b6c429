"""The request's tools and tool choice, and which item a call of each becomes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gptoss_metal.harmony.tools import Tool
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import BuiltIn, ToolChoice
from gptoss_metal.server.responses import machine

log = logging.getLogger(__name__)

Kind = Literal["function", "custom", "apply_patch", "shell", "local_shell"]
_MACHINE: Final[dict[str, Kind]] = {
    "apply_patch": "apply_patch",
    "shell": "shell",
    "local_shell": "local_shell",
}

SEPARATOR: Final = "__"
"""Stands between a namespace and a tool's name in the name that the model sees."""

_HOSTED: Final[dict[str, BuiltIn]] = {"web_search": "browser", "code_interpreter": "python"}
_HOSTED_NAMES: Final = ("browser", "python")


@dataclass(frozen=True)
class Declared:
    """A tool that the client runs.

    Attributes:
        tool: as the model sees it.
        kind: what its calls are.
        name: the client's name for it.
        namespace: that the client put it in, or None.
    """

    tool: Tool
    kind: Kind
    name: str
    namespace: str | None = None


@dataclass
class Toolset:
    """The tools of a request.

    Attributes:
        declared: the client's tools by the names that the model sees.
        builtins: the tools that the server runs.
        echo: the tools in effect, as the response repeats them.
        choice: which may or must be called.
        missing: why tools that the server could run are left out.
    """

    declared: dict[str, Declared] = field(default_factory=dict)
    builtins: list[BuiltIn] = field(default_factory=list)
    echo: list[dict[str, Any]] = field(default_factory=list)
    choice: ToolChoice = field(default_factory=ToolChoice)
    missing: dict[BuiltIn, Problem] = field(default_factory=dict)

    @property
    def tools(self) -> list[Tool]:
        """The client's tools, for the model."""
        return [declared.tool for declared in self.declared.values()]

    def called(self, name: str) -> Declared:
        """What a name the model called stands for; an undeclared one is a function."""
        known = self.declared.get(name)
        return known or Declared(Tool(name), "function", name)

    def add(self, declared: Declared, where: str) -> None:
        """Adds a tool; raises Problem if the model would see two of that name."""
        name = declared.tool.name
        if name in self.declared:
            raise Problem(
                f"[tools] two tools are named {name}. Try: rename one.", param=where.rstrip(".")
            )
        self.declared[name] = declared


Missing = Callable[[BuiltIn], Problem | None]
"""Why the server cannot run a tool; None if it can."""


def nothing_missing(builtin: BuiltIn) -> None:
    """Says that the server can run every tool."""


def read_tools(fields: Fields, missing: Missing = nothing_missing) -> Toolset:
    """The tools and the tool choice of a request.

    Tools that cannot run here (file search, image generation, …) are left out with a warning in the
    log: clients offer them without needing them.

    Args:
        fields: of the request.
        missing: asked for the tools that the server runs.

    Raises:
        Problem: a tool or the choice cannot be read, or demands a tool that is missing.
    """
    toolset = Toolset()
    for number, given in enumerate(fields.items("tools")):
        where = f"tools[{number}]."
        if not isinstance(given, Mapping):
            raise fields.wrong("tools", 'tools such as {"type": "function", "name": …}')
        _read(toolset, Fields(given, where), missing)
    toolset.choice = _choice(fields, toolset)
    return toolset


def flattened(namespace: str | None, name: str) -> str:
    """The name that the model sees of a tool in a namespace."""
    return f"{namespace}{SEPARATOR}{name}" if namespace else name


def _read(toolset: Toolset, fields: Fields, missing: Missing) -> None:
    kind = fields.required("type")
    if kind in ("function", "custom"):
        declared, echo = _declared(fields, None)
        toolset.add(declared, fields.where)
        toolset.echo.append(echo)
    elif kind == "namespace":
        toolset.echo.append(_namespace(toolset, fields))
    elif kind in _MACHINE:
        toolset.add(Declared(machine.TOOLS[kind], _MACHINE[kind], kind), fields.where)
        toolset.echo.append(dict(fields.body))
    elif fields.body.get("external_web_access") is False:
        log.info("%s was left out: this server keeps no copy of the web to search", kind)
    elif (builtin := _hosted(kind)) is not None:
        _add_hosted(toolset, builtin, fields, missing)
    else:
        log.warning("a tool of type %r was left out: this server has none of it", kind)


def _add_hosted(toolset: Toolset, builtin: BuiltIn, fields: Fields, missing: Missing) -> None:
    problem = missing(builtin)
    if problem is not None:
        toolset.missing[builtin] = problem
        log.warning("%s was left out: %s", builtin, problem)
        return
    if builtin not in toolset.builtins:
        toolset.builtins.append(builtin)
    echo = dict(fields.body)
    if builtin == "python":
        echo.setdefault("container", {"type": "auto"})
    toolset.echo.append(echo)


def _declared(fields: Fields, namespace: str | None) -> tuple[Declared, dict[str, Any]]:
    kind, name = fields.required("type"), fields.required("name")
    description = fields.text("description") or ""
    full = flattened(namespace, name)
    echo = dict(fields.body)
    if kind == "custom":
        tool = Tool(full, description, freeform=True, grammar=_grammar(fields))
        return Declared(tool, "custom", name, namespace), echo
    if kind != "function":
        raise fields.wrong("type", "function or custom")
    strict = fields.flag("strict")
    echo |= {"strict": strict, "parameters": fields.object("parameters")}
    tool = Tool(full, description, fields.object("parameters"), strict=strict)
    return Declared(tool, "function", name, namespace), echo


def _grammar(fields: Fields) -> Mapping[str, Any] | None:
    if fields.object("format") is None:
        return None
    form = fields.inner("format")
    if form.choice("type", ("text", "grammar")) != "grammar":
        return None
    syntax = form.choice("syntax", ("lark", "regex")) or "lark"
    return {"syntax": syntax, "definition": form.required("definition")}


def _namespace(toolset: Toolset, fields: Fields) -> dict[str, Any]:
    name = fields.required("name")
    echoes: list[dict[str, Any]] = []
    for number, given in enumerate(fields.items("tools")):
        if not isinstance(given, Mapping):
            raise fields.wrong("tools", "functions and custom tools")
        inner = Fields(given, f"{fields.where}tools[{number}].")
        declared, echo = _declared(inner, name)
        toolset.add(declared, inner.where)
        echoes.append(echo)
    return {**fields.body, "description": fields.text("description") or "", "tools": echoes}


def _hosted(kind: str) -> BuiltIn | None:
    return next((name for prefix, name in _HOSTED.items() if kind.startswith(prefix)), None)


def _choice(fields: Fields, toolset: Toolset) -> ToolChoice:
    given = fields.body.get("tool_choice")
    if given is None or given == "auto":
        return ToolChoice()
    if given == "none":
        return ToolChoice("none")
    if given == "required":
        if not toolset.declared and not toolset.builtins:
            raise Problem(
                "[tools] tool_choice is required, and there are no tools. Try: give tools.",
                param="tool_choice",
            )
        return ToolChoice("required")
    if not isinstance(given, Mapping):
        raise fields.wrong("tool_choice", 'auto, none, required or {"type": "function", …}')
    choice = fields.inner("tool_choice")
    if choice.required("type") == "allowed_tools":
        return _allowed(choice, toolset)
    names = _names([given], toolset, "tool_choice")
    return ToolChoice("required", frozenset(names)) if names else ToolChoice()


def _allowed(choice: Fields, toolset: Toolset) -> ToolChoice:
    names = _names(choice.items("tools"), toolset, "tool_choice.tools")
    mode = choice.choice("mode", ("auto", "required"))
    if not names:
        return ToolChoice("none")
    return ToolChoice("required" if mode == "required" else "auto", frozenset(names))


def _names(chosen: Sequence[Any], toolset: Toolset, where: str) -> list[str]:
    """What the model calls the chosen tools; those that were left out of the tools are missing."""
    found: list[str] = []
    for given in chosen:
        if not isinstance(given, Mapping):
            raise Problem(f"[tools] {where} is not of objects. Try: objects.", param=where)
        fields = Fields(given, f"{where}.")
        kind = fields.required("type")
        hosted = _hosted(kind)
        if kind in ("function", "custom"):
            name = flattened(fields.text("namespace"), fields.required("name"))
            found += _named(toolset, name, where)
        elif kind == "namespace":
            space = fields.required("name")
            found += [n for n, known in toolset.declared.items() if known.namespace == space]
        elif kind in toolset.declared:
            found.append(kind)
        elif hosted in toolset.builtins:
            found.append(str(hosted))
        elif hosted in toolset.missing:
            raise toolset.missing[hosted]
        else:
            log.warning("the tool choice %r was left out: there is no such tool", kind)
    return found


def _named(toolset: Toolset, name: str, where: str) -> list[str]:
    """A tool by its full name, or by its bare name in any namespace."""
    if name in toolset.declared:
        return [name]
    found = [full for full, known in toolset.declared.items() if known.name == name]
    if not found:
        raise Problem(
            f"[tools] {where} names {name!r}, which is not among the tools. "
            "Try: a tool of this request.",
            param=where,
        )
    return found
