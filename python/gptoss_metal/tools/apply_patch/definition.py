"""How the model is told of apply_patch, and how its call is read."""

from __future__ import annotations

from typing import Final

from gptoss_metal.events import ToolCall
from gptoss_metal.harmony.tools import Tool

DESCRIPTION: Final = """Edits files. The input is a patch:
*** Begin Patch
*** Add File: <path>, followed by the new file's lines, each with a leading +
*** Delete File: <path>
*** Update File: <path>, optionally followed by *** Move to: <new path>, then by hunks
*** End Patch
A hunk is a line "@@", or "@@ " and a line above the change (a class or a function) to find the
place; then lines with a leading " " (context, three above and below), "-" (removed) or "+" (added);
"*** End of File" after it if it ends the file. Paths are relative."""

TOOL: Final = Tool(
    "apply_patch",
    DESCRIPTION,
    {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The whole patch."}},
        "required": ["input"],
        "additionalProperties": False,
    },
)
"""The function, for a request's tools."""


def patch_of(call: ToolCall) -> str:
    """The patch a call carries: its one string, or all of its arguments if they are no JSON."""
    arguments = call.parsed
    if arguments is None:
        return call.arguments
    strings = [value for value in arguments.values() if isinstance(value, str)]
    return strings[0] if len(strings) == 1 else str(arguments.get("input", ""))
