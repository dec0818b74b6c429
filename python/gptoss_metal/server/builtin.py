"""The built-in tools of a server: which there are, and the conversations that use them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from gptoss_metal.errors import Error
from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.tools import BUILTINS, BuiltIn
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.problem import Problem
from gptoss_metal.tools.toolbox import Makers, Toolbox, default_makers
from gptoss_metal.tools.toolboxes import Toolboxes

MakeMakers = Callable[[Vocabulary, Sequence[BuiltIn]], Makers]


class BuiltIns:
    """Finds out what there is when a tool is first asked for.

    Args:
        allowed: the tools that may be asked for.
        make: makes tools, or raises Error for one that is not available on this machine.
    """

    def __init__(
        self, allowed: Sequence[BuiltIn] = BUILTINS, make: MakeMakers = default_makers
    ) -> None:
        self._allowed = tuple(allowed)
        self._make = make
        self._lock = threading.Lock()
        self._toolboxes: Toolboxes | None = None
        self._missing: dict[str, str] = {}

    def check(self, names: Sequence[BuiltIn], vocabulary: Vocabulary) -> None:
        """Raises Problem unless all these tools are available."""
        for name in names:
            if name not in self._allowed:
                raise Problem(
                    f"[tools] this server runs no {name}. Try: serve with --tools {name}, or ask "
                    "without it.",
                    code="tool_not_available",
                    param="tools",
                )
        self._all(vocabulary)
        for name in names:
            if name in self._missing:
                raise Problem(self._missing[name], code="tool_not_available", param="tools")

    def borrow(self, messages: Sequence[Message], vocabulary: Vocabulary) -> Borrowed:
        """The tools of a conversation, with the state its earlier calls left."""
        return Borrowed(self._all(vocabulary).borrow(messages))

    def close(self) -> None:
        """Ends all tools; waits for it."""
        with self._lock:
            toolboxes, self._toolboxes = self._toolboxes, None
        if toolboxes is not None:
            toolboxes.close()

    def _all(self, vocabulary: Vocabulary) -> Toolboxes:
        with self._lock:
            if self._toolboxes is None:
                found: dict[str, Makers] = {}
                for name in self._allowed:
                    try:
                        found[name] = self._make(vocabulary, [name])
                    except Error as missing:
                        self._missing[name] = str(missing)
                browser = found["browser"].browser if "browser" in found else None
                python = found["python"].python if "python" in found else None
                self._toolboxes = Toolboxes(Makers(browser, python))
            return self._toolboxes


class Borrowed:
    """`Toolboxes.borrow` for asyncio: tools that must be ended do not hold up the event loop."""

    def __init__(self, borrowing: AbstractContextManager[Toolbox]) -> None:
        self._borrowing = borrowing

    async def __aenter__(self) -> Toolbox:
        """The toolbox, this conversation's alone until the end of the block."""
        return self._borrowing.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives it back."""
        await asyncio.shield(asyncio.to_thread(self._borrowing.__exit__, None, None, None))
