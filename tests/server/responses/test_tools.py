"""Tools: every type, every choice, and the items that their calls become."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.tools import Toolset, read_tools
from tests.server.responses.conftest import WEATHER, Ask, item_of
from tests.server.responses.strict import Wire

Stream = Callable[..., list[Wire]]
PARIS = "What is the weather in Paris?"
SHOUT = {"type": "custom", "name": "shout", "description": "Shouts."}
NAMESPACE = {"type": "namespace", "name": "sky", "description": "The sky.", "tools": [WEATHER]}
HOSTED = [{"type": "web_search"}, {"type": "code_interpreter"}]
IGNORED: list[Wire] = [
    {"type": "image_generation"},
    {"type": "file_search", "vector_store_ids": ["vs_1"]},
    {"type": "mcp", "server_label": "x", "server_url": "https://example.com"},
    {"type": "computer_use_preview", "display_width": 1, "display_height": 1, "environment": "mac"},
    {"type": "telepathy"},
]


def toolset(*tools: Wire, **more: Any) -> Toolset:
    return read_tools(Fields({"tools": list(tools), **more}))


def test_a_tool_of_each_type() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}
    patch = {"type": "custom", "name": "patch", "format": grammar}
    space = {**NAMESPACE, "tools": [WEATHER, SHOUT]}
    found = toolset(WEATHER, patch, space, *HOSTED, {"type": "apply_patch"}, {"type": "shell"})
    assert list(found.declared) == [
        "get_weather",
        "patch",
        "sky__get_weather",
        "sky__shout",
        "apply_patch",
        "shell",
    ]
    assert found.builtins == ["browser", "python"]
    assert found.declared["patch"].tool.freeform
    assert found.declared["patch"].tool.grammar == {"syntax": "lark", "definition": "start: /x/"}
    inner = found.declared["sky__shout"]
    assert (inner.kind, inner.name, inner.namespace) == ("custom", "shout", "sky")
    assert [tool["type"] for tool in found.echo] == [
        "function",
        "custom",
        "namespace",
        "web_search",
        "code_interpreter",
        "apply_patch",
        "shell",
    ]


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview", "web_search_2025_08_26"])
def test_every_web_search_is_the_browser(kind: str) -> None:
    assert toolset({"type": kind}).builtins == ["browser"]


def test_a_search_that_may_not_use_the_web_is_left_out() -> None:
    found = toolset({"type": "web_search", "external_web_access": False})
    assert (found.builtins, found.echo) == ([], [])
    assert toolset({"type": "web_search", "external_web_access": True}).builtins == ["browser"]


def test_a_tool_that_this_machine_lacks_is_left_out_unless_it_is_demanded() -> None:
    lacking = Problem("[python] there is no sandbox. Try: install one.", param="tools")

    def missing(builtin: str) -> Problem | None:
        return lacking if builtin == "python" else None

    found = read_tools(Fields({"tools": HOSTED}), missing)
    assert found.builtins == ["browser"]
    assert [tool["type"] for tool in found.echo] == ["web_search"]
    with pytest.raises(Problem, match="no sandbox"):
        read_tools(Fields({"tools": HOSTED, "tool_choice": {"type": "code_interpreter"}}), missing)


def test_tools_that_cannot_run_here_are_left_out(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    body = ask(PARIS, tools=[*IGNORED, WEATHER])
    assert [tool["type"] for tool in body["tools"]] == ["function"]
    assert item_of(body, "function_call")["name"] == "get_weather"
    for tool in IGNORED:
        assert repr(tool["type"]) in caplog.text


def test_defaults_are_repeated(ask: Ask) -> None:
    body = ask("Hello", tools=[{"type": "function", "name": "f"}, SHOUT])
    assert body["tools"][0] == {
        "type": "function",
        "name": "f",
        "strict": False,
        "parameters": None,
    }
    assert body["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        (None, "auto", None),
        ("auto", "auto", None),
        ("none", "none", None),
        ("required", "required", None),
        ({"type": "function", "name": "get_weather"}, "required", {"get_weather"}),
        ({"type": "custom", "name": "shout"}, "required", {"shout"}),
        ({"type": "function", "name": "sky__get_weather"}, "required", {"sky__get_weather"}),
        (
            {"type": "function", "namespace": "sky", "name": "get_weather"},
            "required",
            {"sky__get_weather"},
        ),
        ({"type": "web_search_preview"}, "required", {"browser"}),
        ({"type": "code_interpreter"}, "required", {"python"}),
        ({"type": "shell"}, "required", {"shell"}),
        ({"type": "image_generation"}, "auto", None),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [
                    {"type": "custom", "name": "shout"},
                    {"type": "namespace", "name": "sky"},
                    {"type": "web_search"},
                    {"type": "file_search"},
                ],
            },
            "auto",
            {"shout", "sky__get_weather", "browser"},
        ),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "get_weather"}],
            },
            "required",
            {"get_weather"},
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, "none", None),
    ],
)
def test_every_choice(choice: Any, mode: str, names: set[str] | None) -> None:
    tools = [WEATHER, SHOUT, NAMESPACE, {"type": "shell"}, *HOSTED]
    found = toolset(*tools, tool_choice=choice).choice
    assert found.mode == mode
    assert found.names == names


def test_a_namespaced_call(stream: Stream) -> None:
    events = stream(PARIS, tools=[NAMESPACE], tool_choice="required")
    call = item_of(events[-1]["response"], "function_call")
    assert (call["namespace"], call["name"]) == ("sky", "get_weather")
    added = next(e for e in events if e.get("item", {}).get("type") == "function_call")
    assert added["item"]["namespace"] == "sky"


def test_a_namespaced_loop(ask: Ask) -> None:
    first = ask(PARIS, tools=[NAMESPACE], tool_choice="required", store=False)
    call = item_of(first, "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "21"}
    items = [{"role": "user", "content": PARIS}, *first["output"], output]
    second = ask(items, tools=[NAMESPACE], tool_choice="none", store=False)
    assert (
        second["usage"]["input_tokens_details"]["cached_tokens"] > (first["usage"]["input_tokens"])
    ), "the call is replayed under the name that the model wrote"


def test_a_custom_call(stream: Stream) -> None:
    grammar = {"type": "grammar", "syntax": "regex", "definition": "[A-Z]{3,8}"}
    tool = {**SHOUT, "format": grammar}
    events = stream("Hello", tools=[tool], tool_choice={"type": "custom", "name": "shout"})
    call = item_of(events[-1]["response"], "custom_tool_call")
    assert call["input"].isupper()
    assert 3 <= len(call["input"]) <= 8
    assert (call["name"], call["status"]) == ("shout", "completed")


def test_a_custom_call_with_a_lark_grammar(ask: Ask) -> None:
    definition = 'start: "begin " WORD " end"\nWORD: /[a-z]{2,6}/'
    tool = {**SHOUT, "format": {"type": "grammar", "syntax": "lark", "definition": definition}}
    first = ask("Hello", tools=[tool], tool_choice="required")
    call = item_of(first, "custom_tool_call")
    assert call["input"].startswith("begin ")
    assert call["input"].endswith(" end")
    output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "ok"}
    second = ask([output], previous_response_id=first["id"], tools=[tool], tool_choice="none")
    assert second["usage"]["input_tokens_details"]["cached_tokens"] > 0


def test_a_patch_of_the_clients_files(stream: Stream) -> None:
    events = stream("Hello", tools=[{"type": "apply_patch"}], tool_choice={"type": "apply_patch"})
    call = item_of(events[-1]["response"], "apply_patch_call")
    assert call["operation"]["type"] in ("create_file", "update_file", "delete_file")
    assert isinstance(call["operation"]["path"], str)
    assert call["call_id"].startswith("call_")


def test_a_shell_call(ask: Ask) -> None:
    first = ask("Hello", tools=[{"type": "shell"}], tool_choice="required")
    call = item_of(first, "shell_call")
    assert isinstance(call["action"]["commands"], list)
    output = {
        "type": "shell_call_output",
        "call_id": call["call_id"],
        "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
    }
    second = ask([output], previous_response_id=first["id"], tools=[{"type": "shell"}])
    assert second["status"] == "completed"


def test_required_arguments_follow_the_schema(ask: Ask) -> None:
    body = ask("Hello", tools=[WEATHER], tool_choice="required")
    assert set(json.loads(item_of(body, "function_call")["arguments"])) == {"city"}


def test_none_calls_nothing(ask: Ask) -> None:
    body = ask(PARIS, tools=[WEATHER], tool_choice="none")
    assert "function_call" not in [item["type"] for item in body["output"]]


def test_a_call_that_the_limit_cuts(ask: Ask) -> None:
    whole = ask(PARIS, tools=[WEATHER])
    body = ask(PARIS, tools=[WEATHER], max_output_tokens=whole["usage"]["output_tokens"] - 4)
    call = item_of(body, "function_call")
    assert call["status"] == "incomplete"
    assert body["status"] == "incomplete"


def test_a_schema_that_cannot_be_enforced_is_refused(refused: Callable[..., Wire]) -> None:
    schema = {"type": "object", "properties": {"a": {"not": {"type": "string"}}}}
    error = refused(input="x", tools=[{**WEATHER, "parameters": schema}])
    assert "not" in error["message"]
