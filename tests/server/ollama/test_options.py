"""Durations, arguments and pieces, one by one."""

from __future__ import annotations

import pytest

from gptoss_metal.events import CallDelta, Reasoning, Text, ToolCall
from gptoss_metal.server.body import Fields
from gptoss_metal.server.ollama.answer import read
from gptoss_metal.server.ollama.card import short_count
from gptoss_metal.server.ollama.messages import arguments_object, read_messages
from gptoss_metal.server.ollama.names import tagged
from gptoss_metal.server.ollama.options import FOREVER, read_keep_alive
from gptoss_metal.server.ollama.pull import repository_of
from gptoss_metal.server.problem import Problem


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (0, 0.0),
        ("0", 0.0),
        ("0s", 0.0),
        (90, 90.0),
        (1.5, 1.5),
        ("300", 300.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("250ms", 0.25),
        (-1, FOREVER),
        ("-1", FOREVER),
        ("-1m", FOREVER),
    ],
)
def test_keep_alive(given: object, seconds: float | None) -> None:
    assert read_keep_alive(Fields({"keep_alive": given})) == pytest.approx(seconds)


@pytest.mark.parametrize("given", ["", "m", "5 m", "5x", "5m?", True, [], "nan", "1h30"])
def test_no_duration(given: object) -> None:
    with pytest.raises(Problem, match="keep_alive"):
        read_keep_alive(Fields({"keep_alive": given}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"city": "Paris"}', {"city": "Paris"}),
        ("", {}),
        ("{}", {}),
        ("[1]", {"raw": "[1]"}),
        ('"x"', {"raw": '"x"'}),
        ('{"city": ', {"raw": '{"city": '}),
        ("ls -l", {"raw": "ls -l"}),
        ("[" * 100_000, {"raw": "[" * 100_000}),
    ],
)
def test_arguments_are_always_an_object(text: str, found: object) -> None:
    assert arguments_object(text) == found


def test_what_is_no_object_comes_back_as_it_was() -> None:
    call = {"function": {"name": "shell", "arguments": arguments_object("ls -l")}}
    body = {"messages": [{"role": "assistant", "tool_calls": [call]}]}
    (message,) = read_messages(Fields(body))
    assert message["tool_calls"][0]["function"]["arguments"] == "ls -l"


def test_results_find_their_calls() -> None:
    calls = [{"id": "a", "function": {"name": "f"}}, {"function": {"name": "g"}},
             {"function": {"name": "f"}}]  # fmt: skip
    results = [{"role": "tool", "tool_name": "f"}, {"role": "tool", "tool_name": "f"},
               {"role": "tool", "tool_name": "h"}, {"role": "tool"}]  # fmt: skip
    found = read_messages(
        Fields({"messages": [{"role": "assistant", "tool_calls": calls}, *results]})
    )
    ids = [call["id"] for call in found[0]["tool_calls"]]
    assert ids[0] == "a"
    assert len(set(ids)) == 3
    assert [m.get("tool_call_id") for m in found[1:]] == [ids[0], ids[2], None, ids[1]]
    assert found[3]["name"] == "h"


def test_a_call_that_the_limit_cut_is_not_shown() -> None:
    cut = ToolCall("1", "f", '{"a": ', "functions.f", complete=False)
    assert read(cut, 0, True) is None
    whole = ToolCall("1", "f", '{"a": 1}', "functions.f", complete=False)
    assert read(whole, 0, True) is not None
    odd = ToolCall("1", "f", "no JSON", "functions.f")
    piece = read(odd, 3, True)
    assert piece is not None
    assert piece.calls[0]["function"] == {
        "index": 3,
        "name": "f",
        "arguments": {"raw": "no JSON"},
    }
    assert read(CallDelta("1", "x"), 0, True) is None
    assert read(Reasoning("x"), 0, False) is None
    assert read(Text("x"), 0, False) is not None


def test_names_and_counts() -> None:
    assert tagged("demo") == ["demo:latest"]
    assert tagged("mine:v1") == ["mine:v1"]
    assert tagged("gpt-oss-20b") == ["gpt-oss:20b", "gpt-oss-20b:latest"]
    assert tagged("gpt-oss:20b") == ["gpt-oss:20b"]
    assert short_count(20_914_757_184) == "20.9B"
    assert short_count(80_487_424) == "80.5M"
    assert short_count(12) == "12"


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("gpt-oss:20b", "openai/gpt-oss-20b"),
        ("gpt-oss", "openai/gpt-oss-20b"),
        ("gpt-oss:latest", "openai/gpt-oss-20b"),
        ("gpt-oss:120b", "openai/gpt-oss-120b"),
        ("openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("hf.co/someone/fine-tune", "someone/fine-tune"),
        ("someone/fine-tune:latest", "someone/fine-tune"),
        ("llama3", None),
        ("a/b/c", None),
        ("../x", None),
        ("/etc/passwd", None),
    ],
)
def test_repositories(name: str, repository: str | None) -> None:
    assert repository_of(name) == repository
