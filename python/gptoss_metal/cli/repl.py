"""The chat's loop: read, answer, print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from gptoss_metal.cli.chat_tools import ChatTools
from gptoss_metal.cli.commands import Commands, Leave
from gptoss_metal.cli.conversation import Conversation
from gptoss_metal.cli.follow import follow
from gptoss_metal.cli.lines import Lines, read_message
from gptoss_metal.cli.screen import Answer, printable
from gptoss_metal.errors import Error
from gptoss_metal.events import Done, Event, Reasoning, Text, ToolCall
from gptoss_metal.model import Model
from gptoss_metal.sampling import Sampling
from gptoss_metal.tools.quoting import Quoting

if TYPE_CHECKING:
    from rich.console import Console

NO_RESULT: Final = '{"error": "the user gave no result"}'


class Repl:
    """A chat.

    Args:
        model: who answers.
        conversation: its state.
        sampling: how tokens are chosen.
        max_tokens: the most per answer, or None.
        lines: where input comes from.
        reasoning: where reasoning is printed, dimmed; None to leave it out.
        tools: those that are run here.
    """

    def __init__(
        self,
        model: Model,
        conversation: Conversation,
        sampling: Sampling,
        max_tokens: int | None,
        lines: Lines,
        reasoning: Console | None,
        tools: ChatTools,
    ) -> None:
        self._model = model
        self._conversation = conversation
        self._sampling = sampling
        self._max_tokens = max_tokens
        self._lines = lines
        self._reasoning = reasoning
        self._tools = tools
        self._commands = Commands(conversation, click.echo, tools.toolbox.close)

    def run(self) -> None:
        """Runs until the user leaves or the input ends."""
        try:
            while self._turn():
                pass
        except Leave:
            pass
        finally:
            self._tools.toolbox.close()
            self._lines.close()

    def _turn(self) -> bool:
        """One input and what follows from it; False at the end of input."""
        try:
            text = read_message(self._lines, "> ")
        except KeyboardInterrupt:
            click.echo("\n(Ctrl-D or /exit to leave)")
            return True
        if text is None:
            return False
        if not text.strip():
            return True
        try:
            if text.startswith("/"):
                self._commands.run(text)
            else:
                self._ask({"role": "user", "content": text})
        except KeyboardInterrupt:
            click.echo("\n(stopped)")
        except Error as problem:
            click.echo(str(problem), err=True)
        return True

    def _ask(self, message: dict[str, Any]) -> None:
        """Sends a message, and the results of the tools that the model calls for it."""
        messages = self._conversation.messages
        known = len(messages)
        messages.append(message)
        try:
            while calls := self._answer():
                messages.extend([self._result(call) for call in calls])
        except BaseException:
            # The conversation stays one that can go on: without the unanswered question.
            del messages[known:]
            raise

    def _answer(self) -> list[ToolCall]:
        """Prints one turn, keeps its message, and returns the calls that await a result."""
        chat = self._conversation
        generation = self._model.chat(
            chat.messages,
            [*chat.tools, *self._tools.functions],
            chat.effort,
            self._sampling,
            self._max_tokens,
            instructions=chat.system,
            builtins=self._tools.builtins,
        )
        answer = Answer(self._reasoning)
        calls: list[ToolCall] = []
        quoting = Quoting(self._tools.toolbox.page)

        def show(event: Event) -> None:
            for told in quoting.feed(event):
                print_event(told)

        def print_event(event: Event) -> None:
            if isinstance(event, Reasoning):
                answer.reasoning(event.text)
            elif isinstance(event, Text):
                answer.text(event.text)
            elif isinstance(event, ToolCall) and event.complete:
                calls.append(event)
            elif isinstance(event, Done):
                self._commands.usage = event.usage
                chat.messages.append(event.message)

        follow(generation, show)
        answer.end()
        if generation.finish_reason == "cancelled":
            click.echo("(stopped)")
        elif generation.finish_reason == "length":
            click.echo("(cut off: the limit of tokens is reached)", err=True)
        return calls

    def _result(self, call: ToolCall) -> dict[str, Any]:
        """Runs a tool, or asks the user what it returned."""
        if self._tools.handles(call):
            return _message(call, self._tools.run(call))
        click.echo(f"{call.name}({printable(call.arguments)})")
        try:
            text = read_message(self._lines, "result> ")
        except KeyboardInterrupt:
            click.echo()
            text = None
        return _message(call, NO_RESULT if text is None else text)


def _message(call: ToolCall, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": content}
