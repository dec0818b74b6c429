"""OpenAI's tools that work on the client's machine: ``apply_patch``, ``shell``, ``local_shell``.

The model sees functions of these names; their calls become the items that such clients expect,
and back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from gptoss_metal.harmony.tools import Tool

_TEXT: Final = {"type": "string"}
_WORDS: Final = {"type": "array", "items": _TEXT}

TOOLS: Final[dict[str, Tool]] = {
    "apply_patch": Tool(
        "apply_patch",
        "Creates, updates or deletes one file. The diff of a new file is its lines, each after "
        "'+'; the diff of an update is hunks that begin with '@@', with the lines after ' ', '-' "
        "or '+'.",
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": _TEXT,
                "diff": {**_TEXT, "description": "left empty to delete a file"},
            },
            "required": ["type", "path", "diff"],
            "additionalProperties": False,
        },
    ),
    "shell": Tool(
        "shell",
        "Runs commands in a shell and returns what they print.",
        {
            "type": "object",
            "properties": {
                "commands": _WORDS,
                "timeout_ms": {"type": "integer"},
                "max_output_length": {"type": "integer"},
            },
            "required": ["commands"],
            "additionalProperties": False,
        },
    ),
    "local_shell": Tool(
        "local_shell",
        "Runs one command and returns what it prints.",
        {
            "type": "object",
            "properties": {
                "command": {**_WORDS, "description": "the program and its arguments"},
                "working_directory": _TEXT,
                "timeout_ms": {"type": "integer"},
            },
            "required": ["command"],
            "additionalProperties": False,
        },
    ),
}

CALLS: Final = {
    "apply_patch_call": "apply_patch",
    "shell_call": "shell",
    "local_shell_call": "local_shell",
}
"""Item type → tool."""


def call_body(tool: str, arguments: str) -> dict[str, Any]:
    """What an item says of a call beside its ids and status.

    Args:
        tool: a key of `TOOLS`.
        arguments: as the model wrote them; what cannot be read is left empty.
    """
    given = _object(arguments)
    if tool == "apply_patch":
        kind = given.get("type")
        operation = {
            "type": kind if kind in ("create_file", "delete_file") else "update_file",
            "path": str(given.get("path", "")),
        }
        if operation["type"] != "delete_file":
            operation["diff"] = str(given.get("diff", ""))
        return {"type": "apply_patch_call", "operation": operation}
    if tool == "shell":
        action = {
            "commands": _strings(given.get("commands")),
            "timeout_ms": _number(given.get("timeout_ms")),
            "max_output_length": _number(given.get("max_output_length")),
        }
        return {"type": "shell_call", "action": action, "environment": None}
    command: dict[str, Any] = {
        "type": "exec",
        "command": _strings(given.get("command")),
        "env": {},
        "timeout_ms": _number(given.get("timeout_ms")),
        "working_directory": given.get("working_directory"),
    }
    return {"type": "local_shell_call", "action": command}


def call_arguments(item: Mapping[str, Any]) -> str:
    """The arguments of the function that an item stands for; the inverse of `call_body`."""
    body = item.get("operation", item.get("action"))
    given = dict(body) if isinstance(body, Mapping) else {}
    if item.get("type") == "local_shell_call":
        given = {key: value for key, value in given.items() if key not in ("type", "env", "user")}
    if item.get("type") == "apply_patch_call":
        given.setdefault("diff", "")
    kept = {key: value for key, value in given.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False)


def output_text(item: Mapping[str, Any]) -> str:
    """What the model reads of a call's output."""
    output = item.get("output")
    if item.get("type") == "apply_patch_call_output":
        return str(output or item.get("status") or "")
    if isinstance(output, str):
        return output
    chunks = [chunk for chunk in output or () if isinstance(chunk, Mapping)]
    return "\n".join(_chunk(chunk) for chunk in chunks)


def _chunk(chunk: Mapping[str, Any]) -> str:
    outcome = chunk.get("outcome")
    ended = outcome if isinstance(outcome, Mapping) else {}
    code = ended.get("exit_code")
    status = "timed out" if ended.get("type") == "timeout" else f"exit code {code}"
    told = [str(chunk.get(name)) for name in ("stdout", "stderr") if chunk.get(name)]
    return "\n".join([*told, f"[{status}]"] if code or code is None else told)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(word) for word in value] if isinstance(value, list) else []


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
