"""The tools a chat runs itself: browser, python, and apply_patch below one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gptoss_metal.cli.screen import printable
from gptoss_metal.errors import Error
from gptoss_metal.events import ToolCall
from gptoss_metal.harmony.tools import BuiltIn, Tool
from gptoss_metal.tools.apply_patch import TOOL, PatchError, patch_of, plan
from gptoss_metal.tools.toolbox import Makers, Toolbox, default_makers

if TYPE_CHECKING:
    from gptoss_metal.model import Model

SHOWN_LINES: Final = 12
REFUSED: Final = "The user did not allow this change. Ask what to do instead."


class ChatTools:
    """Runs the calls of a chat, and shows on stderr what they do.

    Args:
        toolbox: the built-in tools.
        root: the folder that patches may change; None without apply_patch.
        ask: asks the user whether to apply a patch; None to apply it unasked.
    """

    def __init__(
        self, toolbox: Toolbox, root: Path | None, ask: Callable[[str], bool] | None
    ) -> None:
        self.toolbox = toolbox
        self._root = root
        self._ask = ask

    @property
    def builtins(self) -> Sequence[BuiltIn]:
        """The built-in tools the model may call."""
        return self.toolbox.names

    @property
    def functions(self) -> list[Tool]:
        """The functions it may call besides the user's."""
        return [] if self._root is None else [TOOL]

    def handles(self, call: ToolCall) -> bool:
        """Whether a call is run here; else the user gives its result."""
        return self.toolbox.handles(call) or self._is_patch(call)

    def run(self, call: ToolCall) -> str:
        """Runs a call, and returns what the model reads. Ctrl-C ends the call, not the chat."""
        if self._is_patch(call):
            return self._patch(call)
        _show(f"[{call.recipient}] {call.arguments}")
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(self.toolbox.run, call)
            while True:
                try:
                    output = work.result().output
                except KeyboardInterrupt:
                    self.toolbox.cancel()
                    continue
                _show(output)
                return output

    def _is_patch(self, call: ToolCall) -> bool:
        return self._root is not None and call.name == TOOL.name

    def _patch(self, call: ToolCall) -> str:
        assert self._root is not None
        try:
            if not call.complete:
                raise PatchError("[apply_patch] the patch was cut off. Try: a smaller one.")
            text = patch_of(call)
            made = plan(text, self._root)
            _show(text, lines=None)
            _show("\n".join(map(str, made.changes)))
            if self._ask is not None and not self._ask("apply? [y/N] "):
                return REFUSED
            said = made.apply()
        except PatchError as problem:
            said = str(problem)
        _show(said)
        return said


def chat_tools(
    model: Model,
    names: Sequence[BuiltIn],
    root: str | None,
    ask: Callable[[str], bool] | None,
) -> ChatTools:
    """The tools of a chat.

    Raises:
        Error: a tool is not available, or there is no such folder.
    """
    makers = default_makers(model.vocabulary, names) if names else Makers()
    folder = None if root is None else Path(root).expanduser()
    if folder is not None and not folder.is_dir():
        raise Error(f"[chat] there is no folder {root}. Try: --root with one that exists.")
    return ChatTools(Toolbox(makers), folder, ask)


def _show(text: str, lines: int | None = SHOWN_LINES) -> None:
    """Prints text dimmed, without what could steer a terminal, and not too much of it."""
    shown = printable(text).split("\n")
    if lines is not None and len(shown) > lines:
        shown = [*shown[:lines], f"… ({len(shown) - lines} more lines)"]
    click.secho("\n".join(shown), dim=True, err=True)
