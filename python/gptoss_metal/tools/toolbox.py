"""The built-in tools of one conversation."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.events import ToolCall
from gptoss_metal.harmony.tools import BuiltIn

if TYPE_CHECKING:
    from gptoss_metal.tools.browser.browser import Browser
    from gptoss_metal.tools.browser.display import Tokenizer
    from gptoss_metal.tools.browser.page import Page
    from gptoss_metal.tools.python import Python

KEY: Final = "toolbox"
"""The field of an assistant's message that names the toolbox its calls were run in."""

_FUNCTIONS: Final = "functions."
_BROWSER: Final = "browser."
_PYTHON: Final = "python"


@dataclass(frozen=True)
class Result:
    """What a tool says.

    Attributes:
        output: what the model reads.
        failed: whether it is an error.
        detail: for programs; see `gptoss_metal.ToolFinished`.
    """

    output: str
    failed: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Makers:
    """How the tools are made when they are first used; None for tools that are not available."""

    browser: Callable[[], Browser] | None = None
    python: Callable[[], Python] | None = None

    @property
    def names(self) -> tuple[BuiltIn, ...]:
        """The tools that are available."""
        names: list[BuiltIn] = ["browser"] if self.browser is not None else []
        if self.python is not None:
            names.append("python")
        return tuple(names)


def default_makers(tokenizer: Tokenizer, names: Sequence[BuiltIn]) -> Makers:
    """The tools as this machine and its environment have them.

    Args:
        tokenizer: measures what the browser shows.
        names: which of them.

    Raises:
        Error: a package, a search engine or the sandbox is missing.
    """
    try:
        return Makers(
            browser=_browser_maker(tokenizer) if "browser" in names else None,
            python=_python_maker() if "python" in names else None,
        )
    except ImportError as missing:
        raise Error(
            f"[tools] the package {missing.name} is missing. Try: pip install 'gptoss-metal[tools]'"
        ) from None


def _browser_maker(tokenizer: Tokenizer) -> Callable[[], Browser]:
    from gptoss_metal.tools.browser.backends.web import choose_backend
    from gptoss_metal.tools.browser.browser import Browser

    backend = choose_backend()
    return lambda: Browser(backend, tokenizer)


def _python_maker() -> Callable[[], Python]:
    import ipykernel  # noqa: F401

    from gptoss_metal.tools.python import Python
    from gptoss_metal.tools.python.sandbox import find_sandbox

    sandbox = find_sandbox()
    return lambda: Python(sandbox=sandbox)


class Toolbox:
    """The tools of one conversation: the browser keeps its pages, python its variables.

    Calls block, and never raise for what the model did. One thread at a time may call.

    Args:
        makers: makes the tools.
    """

    def __init__(self, makers: Makers) -> None:
        self.id = secrets.token_hex(16)
        """Names it in messages; nobody can guess it."""
        self._makers = makers
        self._browser: Browser | None = None
        self._python: Python | None = None
        self._lock = threading.Lock()
        self._cancelled = False

    @property
    def names(self) -> tuple[BuiltIn, ...]:
        """The tools that are available."""
        return self._makers.names

    def handles(self, call: ToolCall) -> bool:
        """Whether a call goes to one of its tools, whatever namespace the model put it in."""
        name = _bare(call)
        return (name.startswith(_BROWSER) and "browser" in self.names) or (
            name == _PYTHON and "python" in self.names
        )

    def run(self, call: ToolCall) -> Result:
        """Runs a call; one to an unknown tool is answered, too."""
        name = _bare(call)
        try:
            if not call.complete:
                return Result("The call was cut off. Try: a shorter one.", True)
            if self.handles(call) and name == _PYTHON:
                return self._run_python(call)
            if self.handles(call):
                return self._run_browser(call, name.removeprefix(_BROWSER))
        except Error as problem:
            return Result(str(problem), True)
        known = ", ".join(self.names) or "none"
        return Result(f"There is no tool {call.recipient}. The built-in tools: {known}.", True)

    def page(self, cursor: int) -> Page | None:
        """The page of the browser at a cursor, if there is one."""
        return None if self._browser is None else self._browser.page(cursor)

    def cancel(self) -> None:
        """Ends the call that runs, from any thread, as far as it can be ended."""
        if self._python is not None:
            self._python.cancel()

    def close(self) -> None:
        """Ends the tools. The toolbox can be used again, and begins anew."""
        self.cancel()
        with self._lock:
            if self._python is not None:
                self._python.close()
            self._browser = self._python = None

    def _run_python(self, call: ToolCall) -> Result:
        with self._lock:
            if self._python is None:
                assert self._makers.python is not None
                self._python = self._makers.python()
            output = self._python.run(_code(call))
        return Result(
            output.text, output.failed, {"outputs": [{"type": "logs", "logs": output.text}]}
        )

    def _run_browser(self, call: ToolCall, operation: str) -> Result:
        with self._lock:
            if self._browser is None:
                assert self._makers.browser is not None
                self._browser = self._makers.browser()
            answer = self._browser.call(operation, {} if not call.arguments else call.parsed)
        return Result(answer.text, answer.failed, {"action": dict(answer.action)})


def _bare(call: ToolCall) -> str:
    return call.recipient.removeprefix(_FUNCTIONS)


def _code(call: ToolCall) -> str:
    """The code of a call: its text, or the only string of an object, as functions are called."""
    given = call.parsed
    values = list(given.values()) if given is not None else []
    return values[0] if len(values) == 1 and isinstance(values[0], str) else call.arguments
