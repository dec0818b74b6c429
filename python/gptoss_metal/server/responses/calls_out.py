"""Output items that are calls of tools, of the client's and of the server's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gptoss_metal.events import ToolCall, ToolFinished
from gptoss_metal.server.responses import machine
from gptoss_metal.server.responses.items_in import Item
from gptoss_metal.server.responses.output import Output, Status, Wire
from gptoss_metal.server.responses.tools import Declared


class CallOutput(Output):
    """A call whose arguments are streamed.

    Args:
        index: its place in the output.
        call_id: which its result will quote.
        called: the tool.
    """

    payload: str
    stream: str

    def __init__(self, index: int, call_id: str, called: Declared) -> None:
        super().__init__(index)
        self.call_id = call_id
        self.called = called
        self.arguments = ""

    def item(self, status: Status) -> Item:
        """The item."""
        item = {
            "id": self.id,
            "type": self.kind,
            "call_id": self.call_id,
            "name": self.called.name,
            self.payload: self.arguments,
            "status": status,
        }
        if self.called.namespace is not None:
            item["namespace"] = self.called.namespace
        return item

    def open(self) -> Iterator[Wire]:
        """Sends the item without arguments."""
        yield self.added()

    def write(self, text: str) -> Iterator[Wire]:
        """More of the arguments."""
        self.arguments += text
        yield self.event(f"{self.stream}.delta", delta=text)

    def close(self, status: Status) -> Iterator[Wire]:
        """Sends the whole arguments and the item."""
        yield self.event(f"{self.stream}.done", **self._whole())
        yield self.done(status)

    def _whole(self) -> dict[str, Any]:
        return {self.payload: self.arguments}


class FunctionOutput(CallOutput):
    """A call of a function."""

    kind = "function_call"
    payload = "arguments"
    stream = "function_call_arguments"

    def _whole(self) -> dict[str, Any]:
        return {"name": self.called.name, "arguments": self.arguments}


class CustomOutput(CallOutput):
    """A call of a custom tool; its arguments are plain text."""

    kind = "custom_tool_call"
    payload = "input"
    stream = "custom_tool_call_input"


class MachineOutput(CallOutput):
    """A call of a tool on the client's machine; it is sent when its arguments are complete."""

    def __init__(self, index: int, call_id: str, called: Declared) -> None:
        self.kind = f"{called.kind}_call"
        super().__init__(index, call_id, called)

    def item(self, status: Status) -> Item:
        """The item."""
        body = machine.call_body(self.called.kind, self.arguments)
        return {"id": self.id, "call_id": self.call_id, "status": status, **body}

    def open(self) -> Iterator[Wire]:
        """Sends nothing yet."""
        yield from ()

    def write(self, text: str) -> Iterator[Wire]:
        """More of the arguments; sends nothing yet."""
        self.arguments += text
        yield from ()

    def close(self, status: Status) -> Iterator[Wire]:
        """Sends the item twice: begun, and done."""
        yield self.added()
        # OpenAI knows no incomplete patches.
        patch = self.called.kind == "apply_patch" and status == "incomplete"
        yield self.done("in_progress" if patch else status)


KINDS: Final[dict[str, type[CallOutput]]] = {
    "function": FunctionOutput,
    "custom": CustomOutput,
}
"""What a call of each kind of tool becomes; those on the client's machine are `MachineOutput`."""


class CodeOutput(Output):
    """A call of the server's python.

    Args:
        index: its place in the output.
        with_outputs: whether the item tells what the code printed.
    """

    kind = "code_interpreter_call"

    def __init__(self, index: int, with_outputs: bool) -> None:
        super().__init__(index)
        self._with_outputs = with_outputs
        self._whole = False
        self.code = ""
        self.outputs: list[Item] | None = None

    def item(self, status: Status) -> Item:
        """The item."""
        return {
            "id": self.id,
            "type": self.kind,
            "status": status,
            "container_id": "cntr_local",
            "code": self.code,
            "outputs": self.outputs if self._with_outputs else None,
        }

    def open(self) -> Iterator[Wire]:
        """Sends the item without code."""
        yield self.added()
        yield self.event("code_interpreter_call.in_progress")

    def write(self, text: str) -> Iterator[Wire]:
        """More of the code."""
        self.code += text
        yield self.event("code_interpreter_call_code.delta", delta=text)

    def called(self, call: ToolCall) -> Iterator[Wire]:
        """The code is complete."""
        self.code = call.arguments
        yield from self._written()

    def _written(self) -> Iterator[Wire]:
        self._whole = True
        yield self.event("code_interpreter_call_code.done", code=self.code)

    def started(self) -> Iterator[Wire]:
        """The code runs."""
        yield self.event("code_interpreter_call.interpreting")

    def finished(self, finished: ToolFinished) -> Iterator[Wire]:
        """The code has run."""
        outputs = finished.detail.get("outputs")
        self.outputs = [{"type": "logs", "logs": finished.output}] if outputs is None else outputs
        yield self.event("code_interpreter_call.completed")
        yield self.done("completed")

    def close(self, status: Status) -> Iterator[Wire]:
        """Sends code that is not run."""
        if not self._whole:
            yield from self._written()
        yield self.done(status)


class SearchOutput(Output):
    """A call of the server's browser; it is sent when its arguments are complete.

    Args:
        index: its place in the output.
        with_sources: whether the item lists what a search found.
    """

    kind = "web_search_call"

    def __init__(self, index: int, with_sources: bool) -> None:
        super().__init__(index)
        self._with_sources = with_sources
        self._sent = False
        self.action: Item = {"type": "search", "query": ""}

    def item(self, status: Status) -> Item:
        """The item."""
        action = dict(self.action)
        if not self._with_sources:
            action.pop("sources", None)
        return {"id": self.id, "type": self.kind, "status": status, "action": action}

    def open(self) -> Iterator[Wire]:
        """Sends nothing yet."""
        yield from ()

    def write(self, text: str) -> Iterator[Wire]:
        """More of the arguments; sends nothing."""
        yield from ()

    def called(self, call: ToolCall) -> Iterator[Wire]:
        """The arguments are complete."""
        self.action = _action(call)
        self._sent = True
        yield self.added()
        yield self.event("web_search_call.in_progress")

    def started(self) -> Iterator[Wire]:
        """The browser works."""
        yield self.event("web_search_call.searching")

    def finished(self, finished: ToolFinished) -> Iterator[Wire]:
        """The browser is done."""
        action = finished.detail.get("action")
        self.action = dict(action) if isinstance(action, Mapping) else self.action
        yield self.event("web_search_call.completed")
        yield self.done("failed" if finished.failed else "completed")

    def close(self, status: Status) -> Iterator[Wire]:
        """Sends a search that was not made; OpenAI knows no incomplete ones."""
        if not self._sent:
            yield self.added()
        yield self.done("failed")


def _action(call: ToolCall) -> Item:
    given = call.parsed or {}
    operation = call.recipient.rpartition(".")[2]
    if operation == "open":
        target = given.get("id")
        return {"type": "open_page", "url": target if isinstance(target, str) else None}
    if operation == "find":
        return {"type": "find_in_page", "pattern": str(given.get("pattern", "")), "url": ""}
    query = given.get("query", "")
    return {
        "type": "search",
        "query": query if isinstance(query, str) else json.dumps(query),
        "queries": [query] if isinstance(query, str) else [],
    }
