"""Tool names between clients and the model."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from gptoss_metal.events import CallOpened, Done, Reasoning, ToolCall, Usage
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.server.names import LONGEST, Names


def test_identifiers_stay_and_others_become_some() -> None:
    names = Names(["get_weather", "get-weather", "mcp.files.read", "Run it"])
    assert names.spoken("get_weather") == "get_weather"
    assert names.spoken("get-weather") == "get_weather_2"
    assert names.spoken("mcp.files.read") == "mcp_files_read"
    assert names.spoken("Run it") == "Run_it"
    assert names.client("get_weather_2") == "get-weather"


def test_an_identifier_keeps_its_name_also_if_it_comes_last() -> None:
    names = Names(["a-b", "a_b"])
    assert (names.spoken("a_b"), names.spoken("a-b")) == ("a_b", "a_b_2")


@given(st.lists(st.text(min_size=1, max_size=80), max_size=12, unique=True))
def test_every_name_comes_back(given_names: list[str]) -> None:
    names = Names(given_names)
    spoken = [names.spoken(name) for name in given_names]
    assert len(set(spoken)) == len(spoken)
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,64}", name) for name in spoken)
    assert [names.client(name) for name in spoken] == given_names


def test_long_names_stay_apart() -> None:
    names = Names(["x" * 100 + "a", "x" * 100 + "b"])
    first, second = (names.spoken("x" * 100 + end) for end in "ab")
    assert first != second
    assert len(second) == LONGEST


def test_tools_calls_and_results_are_renamed_and_back() -> None:
    names = Names(["get-weather", "say.it"])
    assert [t.name for t in names.tools([Tool("get-weather"), Tool("say.it", freeform=True)])] == [
        "get_weather",
        "say_it",
    ]
    call = {"id": "1", "type": "function", "function": {"name": "get-weather", "arguments": "{}"}}
    custom = {"id": "2", "type": "custom", "custom": {"name": "say.it", "input": "hi"}}
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [call, custom]},
        {"role": "tool", "tool_call_id": "1", "name": "get-weather", "content": "x"},
    ]
    spoken = names.messages(history)
    assert spoken[0] is history[0]
    assert spoken[1]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert spoken[1]["tool_calls"][1]["custom"]["name"] == "say_it"
    assert spoken[2]["name"] == "get_weather"
    assert history[1]["tool_calls"][0]["function"]["name"] == "get-weather"  # type: ignore[index]

    done = names.event(Done("tool_calls", Usage(1), dict(spoken[1])))
    assert isinstance(done, Done)
    assert done.message["tool_calls"][0]["function"]["name"] == "get-weather"
    opened = names.event(CallOpened("1", "get_weather", "functions.get_weather"))
    assert opened == CallOpened("1", "get-weather", "functions.get_weather")
    called = names.event(ToolCall("1", "say_it", "{}", "functions.say_it"))
    assert isinstance(called, ToolCall)
    assert called.name == "say.it"
    assert names.event(Reasoning("x")) == Reasoning("x")


def test_what_is_not_declared_still_becomes_an_identifier() -> None:
    assert Names([]).spoken("other-tool") == "other_tool"
    assert Names([]).client("other_tool") == "other_tool"


def test_a_call_that_cannot_be_read_is_left_to_the_reader() -> None:
    broken = [{"role": "assistant", "tool_calls": [None, {}, {"function": {}}]}]
    assert Names([]).messages(broken) == broken
