"""Turns that use built-in tools, through the loop that runs them.

The demo model writes no code, so its turns are scripted; everything after them is real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Done,
    Event,
    Reasoning,
    Text,
    ToolCall,
    Usage,
)
from gptoss_metal.server.builtin import BuiltIns
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.responses.create import read, turn_request
from gptoss_metal.server.responses.office import Office
from gptoss_metal.server.responses.recall import Recall
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.store import Store
from gptoss_metal.server.responses.work import Work, encoded
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns
from gptoss_metal.tools.loop import run
from gptoss_metal.tools.toolbox import Makers, Toolbox
from tests.server.responses.strict import Wire, check_stream, read_events

CALL = ToolCall("call_1", "python", "print(42)", "python")
ASKED: dict[str, Any] = {
    "model": "demo",
    "input": "What is 27 + 15?",
    "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}],
    "include": ["code_interpreter_call.outputs"],
}


def part(channel: str, text: str, recipient: str | None = None) -> dict[str, Any]:
    return {"channel": channel, "recipient": recipient, "text": text, "tokens": [1, 2, 3]}


class Script:
    """Two turns: code, and an answer; it remembers what they were asked."""

    def __init__(self) -> None:
        self.asked: list[TurnRequest] = []

    async def start(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        return self._code() if len(self.asked) == 1 else self._answer()

    async def _code(self) -> AsyncGenerator[Event, None]:
        yield Reasoning("I compute.")
        yield CallOpened("call_1", "python", "python")
        yield CallDelta("call_1", CALL.arguments)
        yield CALL
        function = {"name": "python", "arguments": CALL.arguments}
        call = {"id": "call_1", "type": "function", "recipient": "python", "function": function}
        parts = [part("analysis", "I compute."), part("analysis", CALL.arguments, "python")]
        message = {"role": "assistant", "content": "", "tool_calls": [call], "harmony": parts}
        yield Done("tool_calls", Usage(10, 0, 5), message)

    async def _answer(self) -> AsyncGenerator[Event, None]:
        yield Reasoning("So.")
        yield Text("It is 42.", item=1)
        parts = [part("analysis", "So."), part("final", "It is 42.")]
        message = {"role": "assistant", "content": "It is 42.", "harmony": parts}
        yield Done("stop", Usage(20, 15, 5), message)


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Office:
    """An office of a server that takes itself to have every tool."""
    builtins = BuiltIns(make=lambda vocabulary, names: Makers())
    served = Served(served.names, Turns(served.turns.engine, served.turns.loader, builtins))
    store = Store(tmp_path / "responses.sqlite")
    return Office(served, store, Recall(store), Seal(tmp_path / "key"))


def ask(office: Office, script: Script, **more: Any) -> list[Wire]:
    """The checked events of a response whose turns are the script's."""

    async def scenario() -> str:
        asked, messages = read({**ASKED, **more}, office)
        turn = await run(script.start, turn_request(asked, messages), Toolbox(Makers()))
        work = Work(asked, turn, office)
        return "".join([piece.decode() async for piece in encoded(work.wires())])

    events = read_events(asyncio.run(scenario()).split("\n"))
    check_stream(events)
    return events


def test_the_turns_of_a_loop_are_one_response(office: Office) -> None:
    body = ask(office, Script())[-1]["response"]
    kinds = [item["type"] for item in body["output"]]
    assert kinds == ["reasoning", "code_interpreter_call", "reasoning", "message"]
    call, message = body["output"][1], body["output"][3]
    assert call["code"] == "print(42)"
    assert "There is no tool python" in call["outputs"][0]["logs"]
    assert message["content"][0]["text"] == "It is 42."
    assert body["output"][2]["content"][0]["text"] == "So.", "without the line between the turns"
    assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (30, 10)


@pytest.mark.parametrize("stored", [True, False])
def test_the_conversation_goes_on_from_all_of_its_turns(office: Office, stored: bool) -> None:
    first = ask(office, Script(), store=stored)[-1]["response"]
    script = Script()
    if stored:
        ask(office, script, input="And 1 + 1?", previous_response_id=first["id"])
    else:
        user = {"role": "user", "content": ASKED["input"]}
        ask(office, script, input=[user, *first["output"], {"role": "user", "content": "And?"}])
    told = script.asked[0].messages
    assert [message["role"] for message in told] == ["user", "assistant", "user"]
    parts = told[1]["harmony"]
    assert [p["text"] for p in parts[:2]] == ["I compute.", "print(42)"]
    assert "There is no tool python" in parts[2]["text"]
    assert [p["text"] for p in parts[3:]] == ["So.", "It is 42."]
    assert office.served.turns.prepare(replace(script.asked[0], builtins=("python",)))
