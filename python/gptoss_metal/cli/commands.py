"""The chat's /commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gptoss_metal.cli.conversation import Conversation
from gptoss_metal.cli.options import read_tools_file
from gptoss_metal.errors import Error
from gptoss_metal.events import Usage

HELP: Final = r"""/help                this list
/exit                leave (Ctrl-D, too)
/clear, /reset       forget the conversation
/system [TEXT|off]   show or set the instructions
/effort [EFFORT]     show or set the reasoning effort: low, medium, high
/tools [FILE|off]    show the functions, or read them from a JSON list; you type their results
/save FILE           write the conversation
/load FILE           go on with a saved one
/stats               tokens and speed of the last answer
A line that ends with \ goes on in the next one; so does everything between two lines of triple
quotes. Ctrl-C stops an answer."""


class Leave(Exception):
    """The user wants to leave."""


@dataclass
class Commands:
    """Runs /commands on a conversation.

    Attributes:
        conversation: what they change.
        say: prints one line.
        forget: called when the conversation is another one: its tools begin anew.
        usage: of the last answer, for /stats.
    """

    conversation: Conversation
    say: Callable[[str], None]
    forget: Callable[[], None]
    usage: Usage | None = field(default=None)

    def run(self, line: str) -> None:
        """Runs a line that starts with ``/``.

        Raises:
            Leave: it was /exit.
            Error: there is no such command, or it failed.
        """
        name, _, argument = line.strip().partition(" ")
        known: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/exit": self._exit,
            "/quit": self._exit,
            "/clear": self._clear,
            "/reset": self._clear,
            "/system": self._system,
            "/effort": self._effort,
            "/tools": self._tools,
            "/save": self._save,
            "/load": self._load,
            "/stats": self._stats,
        }
        if name not in known:
            raise Error(f"[chat] there is no command {name}. Try: /help")
        known[name](argument.strip())

    def _help(self, argument: str) -> None:
        self.say(HELP)

    def _exit(self, argument: str) -> None:
        raise Leave

    def _clear(self, argument: str) -> None:
        self.conversation.messages.clear()
        self.forget()
        self.say("The conversation is forgotten.")

    def _system(self, argument: str) -> None:
        if argument:
            self.conversation.system = None if argument == "off" else argument
        self.say(f"Instructions: {self.conversation.system or 'none'}")

    def _effort(self, argument: str) -> None:
        from gptoss_metal.harmony.render import Setting

        if argument:
            self.conversation.effort = Setting(argument).reasoning_effort
        self.say(f"Reasoning effort: {self.conversation.effort}")

    def _tools(self, argument: str) -> None:
        from gptoss_metal.harmony.tools import read_tools

        if argument:
            path = None if argument == "off" else argument
            self.conversation.tools = read_tools_file(path)
            self.conversation.tools_file = path
        names = [tool.name for tool in read_tools(self.conversation.tools)]
        self.say(f"Functions: {', '.join(names) or 'none'}")

    def _save(self, argument: str) -> None:
        self.conversation.save(_file(argument))
        self.say(f"Saved to {argument}.")

    def _load(self, argument: str) -> None:
        self.conversation.load(_file(argument))
        self.forget()
        self.say(f"{len(self.conversation.messages)} messages from {argument}.")

    def _stats(self, argument: str) -> None:
        usage = self.usage
        if usage is None:
            self.say("No answer yet.")
            return
        self.say(
            f"prompt {usage.prompt_tokens} tokens ({usage.cached_tokens} cached), "
            f"{usage.prefill_tps:.1f} tokens/s; answer {usage.completion_tokens} "
            f"({usage.reasoning_tokens} reasoning), {usage.decode_tps:.1f} tokens/s"
        )


def _file(argument: str) -> str:
    if not argument:
        raise Error("[chat] which file? Try: /save chat.json")
    return argument
