"""Streamed messages: the order of their events, and that they make the whole message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import pytest
from starlette.testclient import TestClient

from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Citation,
    Done,
    Event,
    Reasoning,
    Text,
    ToolCall,
    ToolFinished,
    ToolStarted,
    Usage,
)
from gptoss_metal.server.anthropic.answer import Draft, message, stream
from gptoss_metal.server.anthropic.request import read_request
from gptoss_metal.server.anthropic.writer import Writer
from gptoss_metal.server.problem import Problem
from tests.server.anthropic.ask import PARIS, SHOWN, SUM, WEATHER, Json, ask, events


def check_order(found: list[Json]) -> list[list[Json]]:
    """Checks the order of a stream's events, and returns each block's events."""
    kinds = [event["type"] for event in found]
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    blocks: list[list[Json]] = []
    is_open = False
    for event in found[2:-2]:
        if event["type"] == "content_block_start":
            assert not is_open
            blocks.append([])
            is_open = True
        assert is_open
        assert event["index"] == len(blocks) - 1
        blocks[-1].append(event)
        if event["type"] == "content_block_stop":
            is_open = False
    assert not is_open
    return blocks


def assembled(found: list[Json]) -> Json:
    draft = Draft(found[0]["message"])
    for event in found[1:]:
        draft.add(event)
    return draft.message


def without_ids(body: Json) -> Any:
    content = [
        {key: value for key, value in block.items() if key not in ("id", "signature")}
        for block in body["content"]
    ]
    return content, body["stop_reason"], body["stop_sequence"], body["usage"]["output_tokens"]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": SUM},
        {"messages": SUM, "thinking": SHOWN},
        {"messages": SUM, "thinking": {"type": "adaptive", "display": "omitted"}},
        {"messages": SUM, "stop_sequences": ["= "], "thinking": SHOWN},
        {"messages": SUM, "max_tokens": 20, "thinking": SHOWN},
        {"messages": PARIS, "tools": [WEATHER], "thinking": SHOWN},
    ],
)
def test_a_stream_makes_the_message(client: TestClient, body: dict[str, Any]) -> None:
    found = events(client, **body)
    check_order(found)
    assert without_ids(assembled(found)) == without_ids(ask(client, **body))


def test_the_events_of_a_call(client: TestClient) -> None:
    thinking, call = check_order(events(client, messages=PARIS, tools=[WEATHER], thinking=SHOWN))
    assert thinking[0]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    kinds = [event["delta"]["type"] for event in thinking[1:-1]]
    assert set(kinds[:-1]) == {"thinking_delta"}
    assert kinds[-1] == "signature_delta"
    block = call[0]["content_block"]
    assert block["type"] == "tool_use"
    assert block["input"] == {}
    deltas = [event["delta"] for event in call[1:-1]]
    assert len(deltas) > 2
    assert all(delta["type"] == "input_json_delta" for delta in deltas)
    assert "".join(delta["partial_json"] for delta in deltas) == '{"city":"Paris"}'


def test_usage(client: TestClient) -> None:
    found = events(client, messages=SUM)
    start, last = found[0]["message"]["usage"], found[-2]["usage"]
    assert start["input_tokens"] == 75
    assert start["output_tokens"] == 0
    assert last["input_tokens"] + last["cache_read_input_tokens"] == 75
    assert last["output_tokens"] > 30


USAGE = Usage(10, completion_tokens=5)


def written(*turn: Event, display: Any = "shown") -> tuple[list[Json], Json]:
    writer = Writer("m", display, 100)
    found = [writer.start(), *(said for event in turn for said in writer.read(event))]
    return found, assembled(found)


def test_arguments_that_are_no_object() -> None:
    for text in ("ls -l", "[1]", '"x"', " "):
        call = ToolCall("1", "shell", text, "functions.shell")
        deltas = [CallDelta("1", part) for part in text]
        turn = (CallOpened("1", "shell", "functions.shell"), *deltas, call)
        _, body = written(*turn, Done("tool_calls", USAGE, {}))
        expected = {"raw": text} if text.strip() else {}
        assert body["content"] == [
            {"type": "tool_use", "id": "1", "name": "shell", "input": expected}
        ]


def test_a_call_that_the_limit_cut() -> None:
    turn = (
        CallOpened("1", "f", "functions.f"),
        CallDelta("1", ' {"a"'),
        CallDelta("1", ": [1,"),
        ToolCall("1", "f", ' {"a": [1,', "functions.f", complete=False),
        Done("length", Usage(10, completion_tokens=100), {}),
    )
    found, body = written(*turn)
    partial = [e["delta"]["partial_json"] for e in found if e["type"] == "content_block_delta"]
    assert partial == [' {"a"', ": [1,"]
    assert body["content"][0]["input"] == {"raw": ' {"a": [1,'}
    assert body["stop_reason"] == "max_tokens"


def test_blocks_alternate() -> None:
    turn = (
        Reasoning("a"), Text("b", "commentary"), Text("c"), Reasoning("d"), Reasoning("e"),
        CallOpened("1", "f", "functions.f"), ToolCall("1", "f", "", "functions.f"),
        CallOpened("2", "f", "functions.f"), CallDelta("2", "{}"),
        ToolCall("2", "f", "{}", "functions.f"),
    )  # fmt: skip
    found, body = written(*turn, Done("tool_calls", USAGE, {}))
    check_order([found[0], {"type": "ping"}, *found[1:]])
    kinds = [block["type"] for block in body["content"]]
    assert kinds == ["thinking", "text", "thinking", "tool_use", "tool_use"]
    assert [block.get("thinking") for block in body["content"]] == ["a", None, "de", None, None]
    first, second = (body["content"][i]["signature"] for i in (0, 2))
    assert first != second
    _, hidden = written(*turn, Done("tool_calls", USAGE, {}), display="none")
    assert [block["type"] for block in hidden["content"]] == ["text", "tool_use", "tool_use"]


@pytest.mark.parametrize(
    ("done", "reason", "sequence"),
    [
        (Done("stop", USAGE, {}), "end_turn", None),
        (Done("stop", USAGE, {}, "END"), "stop_sequence", "END"),
        (Done("length", Usage(10, completion_tokens=100), {}), "max_tokens", None),
        (Done("length", USAGE, {}), "model_context_window_exceeded", None),
        (Done("tool_calls", USAGE, {}), "tool_use", None),
        (Done("cancelled", USAGE, {}), "end_turn", None),
    ],
)
def test_stop_reasons(done: Done, reason: str, sequence: str | None) -> None:
    _, body = written(Text("x"), done)
    assert body["stop_reason"] == reason
    assert body["stop_sequence"] == sequence


async def failing() -> AsyncGenerator[Event, None]:
    """A turn whose device fails after the first word."""
    yield Text("x")
    raise Problem("[metal] the device is lost. Try: again.", "internal")


def test_a_failure_on_the_way_is_the_last_event() -> None:
    async def follow() -> list[str]:
        return [piece.decode() async for piece in stream(failing(), Writer("m", "none", 5))]

    found = asyncio.run(follow())
    assert found[-1].startswith("event: error\n")
    assert '"api_error"' in found[-1]
    assert "the device is lost" in found[-1]
    assert not any("message_stop" in piece for piece in found)
    with pytest.raises(Problem):
        asyncio.run(message(failing(), Writer("m", "none", 5)))


def test_the_server_s_own_searches() -> None:
    search = ToolCall("1", "browser.search", '{"query":"x"}', "browser.search")
    page = ToolCall("2", "browser.open", '{"id":1}', "browser.open")
    sources = [{"type": "url", "url": "http://a.example/", "title": "A"}]
    action = {"type": "search", "query": "x", "sources": sources}
    turn = (
        Reasoning("a"),
        CallOpened("1", "browser.search", "browser.search"),
        CallDelta("1", '{"query":"x"}'),
        search,
        ToolStarted(search),
        ToolFinished(search, "found", detail={"action": action}),
        ToolFinished(page, "page", detail={"action": {"type": "open_page", "url": "http://a"}}),
        ToolFinished(search, "down", failed=True, detail={"action": {**action, "query": "y"}}),
        Text("See A."),
        Citation(4, 5, "http://a.example/", "A"),
        Done("stop", USAGE, {}),
    )
    found, body = written(*turn, display="none")
    check_order([found[0], {"type": "ping"}, *found[1:]])
    used, result, again, failed, text = body["content"]
    assert used["type"] == again["type"] == "server_tool_use"
    assert used["name"] == "web_search"
    assert (used["input"], again["input"]) == ({"query": "x"}, {"query": "y"})
    assert result["tool_use_id"] == used["id"]
    assert [item["url"] for item in result["content"]] == ["http://a.example/"]
    assert failed["content"]["type"] == "web_search_tool_result_error"
    assert text["text"] == "See A."
    assert text["citations"][0]["url"] == "http://a.example/"
    assert body["usage"]["server_tool_use"]["web_search_requests"] == 2
    parsed = anthropic.types.Message.model_validate(body)
    assert [block.type for block in parsed.content] == [
        "server_tool_use", "web_search_tool_result", "server_tool_use", "web_search_tool_result",
        "text",
    ]  # fmt: skip


def test_web_search_is_the_server_s_browser() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    earlier = [
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "1", "content": []},
        {"type": "text", "text": "A."},
    ]
    messages = [*SUM, {"role": "assistant", "content": earlier}, *SUM]
    asked = read_request({"model": "m", "max_tokens": 5, "messages": messages, "tools": [tool]})
    assert asked.turn.builtins == ["browser"]
    assert asked.turn.max_tool_calls == 3
    assert asked.turn.tools == []
    assert asked.turn.messages[1] == {"role": "assistant", "content": "A."}
