"""The state of a chat: messages and settings, which can be saved and loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gptoss_metal.errors import Error


@dataclass
class Conversation:
    """A chat.

    Attributes:
        messages: OpenAI's dictionaries, in order.
        system: instructions for the model, or None.
        effort: ``low``, ``medium`` or ``high``.
        tools: functions the model may call.
        tools_file: where they were read from.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    system: str | None = None
    effort: str = "medium"
    tools: list[Any] = field(default_factory=list)
    tools_file: str | None = None

    def save(self, path: str) -> None:
        """Writes the conversation as JSON.

        Raises:
            Error: the file cannot be written.
        """
        found = {
            "messages": self.messages,
            "system": self.system,
            "effort": self.effort,
            "tools": self.tools,
        }
        try:
            Path(path).expanduser().write_text(json.dumps(found, indent=1), "utf-8")
        except OSError as problem:
            raise Error(f"[chat] cannot write {path}: {problem.strerror}. Try: another.") from None

    def load(self, path: str) -> None:
        """Replaces the conversation by a saved one; it stays as it is if that fails.

        Raises:
            Error: the file cannot be read, or holds no conversation.
        """
        from gptoss_metal.harmony.messages import read_messages
        from gptoss_metal.harmony.render import Setting
        from gptoss_metal.harmony.tools import read_tools

        try:
            found = json.loads(Path(path).expanduser().read_text("utf-8"))
            messages, tools = found["messages"], found.get("tools", [])
            system, effort = found.get("system"), found.get("effort", "medium")
        except OSError as problem:
            raise Error(f"[chat] cannot read {path}: {problem.strerror}. Try: another.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Error(f"[chat] {path} holds no conversation. Try: one of /save.") from None
        if messages:
            read_messages(messages)
        read_tools(tools)
        Setting(effort, system)
        self.messages, self.tools, self.tools_file = list(messages), list(tools), path
        self.system, self.effort = system, effort
