"""What each event of a turn becomes, for turns that the demo model does not make by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Citation,
    Done,
    Event,
    Reasoning,
    Text,
    Token,
    ToolCall,
    ToolFinished,
    ToolStarted,
    Usage,
)
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.asked import read_request
from gptoss_metal.server.responses.body import opened
from gptoss_metal.server.responses.items_in import ItemReader
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.tools import read_tools
from gptoss_metal.server.responses.writer import Writer
from tests.server.responses.strict import Wire, check_response, check_stream

MESSAGE = {"role": "assistant", "content": "last"}


def spell(token: Token) -> dict[str, Any]:
    return {"token": token.text, "bytes": [], "logprob": 0.0, "top_logprobs": []}


def writer(*tools: Wire, **options: Any) -> Writer:
    body = {"model": "demo", "input": "x", "tools": list(tools)}
    asked = read_request(body, ItemReader(Seal(None), lambda id_: None))  # type: ignore[arg-type]
    toolset = read_tools(Fields(body))
    return Writer(opened("resp_1", asked.echo), toolset, spell=spell, **options)


def write(events: Sequence[Event], *tools: Wire, **options: Any) -> list[Wire]:
    """The checked stream of a turn."""
    made = writer(*tools, **options)
    wires = list(made.begin())
    for event in events:
        wires += made.read(event)
    check_stream(wires)
    check_response(made.body)
    return wires


def done(reason: Any = "stop") -> Done:
    return Done(reason, Usage(10, 4, 8, 3), MESSAGE)


def call(recipient: str, arguments: str, complete: bool = True) -> list[Event]:
    name = recipient.removeprefix("functions.")
    return [
        CallOpened("call_1", name, recipient),
        *[CallDelta("call_1", letter) for letter in arguments],
        ToolCall("call_1", name, arguments, recipient, complete),
    ]


def run(
    recipient: str, arguments: str, output: str, failed: bool = False, **detail: Any
) -> list[Event]:
    events = call(recipient, arguments)
    made = events[-1]
    assert isinstance(made, ToolCall)
    return [*events, ToolStarted(made), ToolFinished(made, output, failed, detail)]


def output_of(wires: list[Wire]) -> list[Wire]:
    return list(wires[-1]["response"]["output"])


def test_the_messages_of_a_turn_are_items_of_their_own() -> None:
    wires = write(
        [
            Reasoning("A", item=0),
            Text("I look.", "commentary", item=1),
            Reasoning("\n\nB", item=2, lead=2),
            Reasoning("\n\nC", item=3, lead=2),
            Text("\n\nIt ", item=4, lead=2),
            Text("is.", item=4),
            done(),
        ]
    )
    told = [(item["type"], item["content"][0]["text"]) for item in output_of(wires)]
    assert told == [
        ("reasoning", "A"),
        ("message", "I look."),
        ("reasoning", "B"),
        ("reasoning", "C"),
        ("message", "It is."),
    ]
    phases = [item["phase"] for item in output_of(wires) if item["type"] == "message"]
    assert phases == ["commentary", "final_answer"]


def test_usage() -> None:
    assert write([Text("x"), done()])[-1]["response"]["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 18,
    }


@pytest.mark.parametrize(
    ("include", "logs"), [(True, [{"type": "logs", "logs": "1"}]), (False, None)]
)
def test_python(include: bool, logs: Any) -> None:
    wires = write(
        [
            Reasoning("A", item=0),
            *run("python", "print(1)", "1", outputs=[{"type": "logs", "logs": "1"}]),
            Reasoning("B", item=0),
            Text("One.", item=1),
            done(),
        ],
        {"type": "code_interpreter", "container": {"type": "auto"}},
        outputs=include,
    )
    kinds = [item["type"] for item in output_of(wires)]
    assert kinds == ["reasoning", "code_interpreter_call", "reasoning", "message"]
    made = output_of(wires)[1]
    assert (made["code"], made["outputs"], made["status"]) == ("print(1)", logs, "completed")


@pytest.mark.parametrize("include", [True, False])
def test_search(include: bool) -> None:
    sources = [{"type": "url", "url": "https://example.com/a"}]
    action = {"type": "search", "query": "moon", "queries": ["moon"], "sources": sources}
    wires = write(
        [
            *run("browser.search", '{"query":"moon"}', "…", action=action),
            *run(
                "browser.open",
                '{"id":3}',
                "…",
                action={"type": "open_page", "url": "https://x.org"},
            ),
            *run("browser.find", '{"pattern":"sea"}', "none", True),
            Text("The moon ([x](https://x.org)).", item=0),
            Citation(9, 28, "https://x.org", "X"),
            done(),
        ],
        {"type": "web_search"},
        sources=include,
    )
    search, page, find, message = output_of(wires)
    assert search["action"] == {k: v for k, v in action.items() if include or k != "sources"}
    assert page["action"] == {"type": "open_page", "url": "https://x.org"}
    assert find["action"] == {"type": "find_in_page", "pattern": "sea", "url": ""}
    assert [item["status"] for item in (search, page, find)] == ["completed", "completed", "failed"]
    text = message["content"][0]["text"]
    (note,) = message["content"][0]["annotations"]
    assert text[note["start_index"] : note["end_index"]] == "([x](https://x.org))"[:19]
    assert note["url"] == "https://x.org"


def test_citations_count_from_their_own_message() -> None:
    wires = write(
        [
            Text("I look.", "commentary", item=0),
            Text("\n\nSee [x].", item=1, lead=2),
            Citation(13, 16, "https://x.org", "X"),
            done(),
        ]
    )
    message = output_of(wires)[1]
    (note,) = message["content"][0]["annotations"]
    assert message["content"][0]["text"][note["start_index"] : note["end_index"]] == "[x]"


def test_built_in_calls_that_the_limit_cuts() -> None:
    for recipient, kind in [
        ("python", "code_interpreter_call"),
        ("browser.search", "web_search_call"),
    ]:
        tools = [{"type": "web_search"}, {"type": "code_interpreter"}]
        begun = [CallOpened("call_1", recipient, recipient), CallDelta("call_1", "x")]
        cut = ToolCall("call_1", recipient, "x", recipient, False)
        for events in ([*begun, done("length")], [*begun, cut, done("length")]):
            wires = write(events, *tools)
            (item,) = output_of(wires)
            assert item["type"] == kind
            assert item["status"] in ("incomplete", "failed")
            assert wires[-1]["type"] == "response.incomplete"


def test_a_cut_function_call_is_incomplete() -> None:
    wires = write([*call("functions.f", '{"a":', complete=False), done("length")])
    assert output_of(wires)[0]["status"] == "incomplete"


def test_an_undeclared_function_is_a_function_call() -> None:
    wires = write([*call("functions.container.exec", "{}"), done("tool_calls")])
    assert output_of(wires)[0]["name"] == "container.exec"
    assert wires[-1]["type"] == "response.completed"


def test_an_undeclared_function_that_the_server_answers_is_not_shown() -> None:
    python = {"type": "code_interpreter"}
    wires = write([*run("functions.container.exec", "{}", "no"), Text("So."), done()], python)
    assert [item["type"] for item in output_of(wires)] == ["message"]
    wires = write([*run("functions.python", "1", "1"), Text("So."), done()], python)
    assert [item["type"] for item in output_of(wires)] == ["code_interpreter_call", "message"]


def test_a_function_may_be_called_like_a_built_in_tool() -> None:
    tools = [{"type": "code_interpreter"}, {"type": "function", "name": "python"}]
    wires = write([*run("python", "1", "1"), *call("functions.python", "{}"), done()], *tools)
    assert [item["type"] for item in output_of(wires)] == [
        "code_interpreter_call",
        "function_call",
    ]


@pytest.mark.parametrize("arguments", ["", "no JSON", "[1]", '{"commands": "ls"}', '{"type": 3}'])
def test_calls_on_the_clients_machine_are_valid_whatever_the_model_wrote(arguments: str) -> None:
    for kind in ("apply_patch", "shell", "local_shell"):
        events = [*call(f"functions.{kind}", arguments), done("tool_calls")]
        wires = write(events, {"type": kind})
        assert output_of(wires)[0]["type"] == f"{kind}_call"


def test_a_failure_keeps_what_there_is() -> None:
    made = writer()
    wires = [*made.begin(), *made.read(Text("Half an an"))]
    wires += made.fail(Problem("[serve] the device is lost. Try: restart.", "internal"))
    check_stream(wires)
    body = wires[-1]["response"]
    assert wires[-1]["type"] == "response.failed"
    assert body["status"] == "failed"
    assert body["error"]["code"] == "server_error"
    assert body["error"]["message"].startswith("[serve] the device is lost")
    assert body["output"][0]["content"][0]["text"] == "Half an an"
    assert body["output"][0]["status"] == "incomplete"


def test_a_turn_that_the_server_stops_has_failed() -> None:
    assert write([Text("Half"), done("cancelled")])[-1]["response"]["status"] == "failed"
