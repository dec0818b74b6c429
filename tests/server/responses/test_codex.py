"""Requests in the shape that Codex sends: streamed, stateless, with tools of every type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.server.responses.conftest import item_of, text_of
from tests.server.responses.strict import Wire

Stream = Callable[..., list[Wire]]

EXEC = {
    "type": "function",
    "name": "exec_command",
    "description": "Runs a command.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {
            "cmd": {"type": "string", "description": "Shell command."},
            "yield_time_ms": {"type": "number"},
        },
        "required": ["cmd"],
        "additionalProperties": False,
    },
}
AGENTS = {
    "type": "namespace",
    "name": "multi_agent_v1",
    "description": "Works with other agents.",
    "tools": [
        {
            "type": "function",
            "name": "spawn_agent",
            "description": "Starts one.",
            "strict": False,
            "parameters": {
                "type": "object",
                "properties": {"message": {"type": "string"}},
                "required": ["message"],
            },
        }
    ],
}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {
        "type": "grammar",
        "syntax": "lark",
        "definition": (
            "start: begin hunk+ end\n"
            'begin: "*** Begin Patch" LF\n'
            'end: "*** End Patch" LF?\n'
            "hunk: add | delete\n"
            'add: "*** Add File: " filename LF line+\n'
            'delete: "*** Delete File: " filename LF\n'
            "filename: /(.+)/\n"
            'line: "+" /(.*)/ LF\n'
            "%import common.LF\n"
        ),
    },
}
TOOLS = [EXEC, AGENTS, {"type": "web_search", "external_web_access": False}, PATCH]
DEVELOPER = {
    "type": "message",
    "role": "developer",
    "content": [
        {"type": "input_text", "text": "<permissions instructions>Be careful. " * 40},
        {"type": "input_text", "text": "<environment_context>\n  <cwd>/home/me</cwd>\n"},
    ],
}


def user(text: str) -> Wire:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def codex(stream: Stream, items: list[Any], **more: Any) -> list[Wire]:
    """A request as Codex makes it."""
    return stream(
        items,
        tools=TOOLS,
        tool_choice=more.pop("tool_choice", "auto"),
        parallel_tool_calls=True,
        store=False,
        include=["reasoning.encrypted_content"],
        prompt_cache_key="019b2862-0000-7000-8000-000000000000",
        client_metadata={"x-codex-installation-id": "none"},
        **more,
    )


def carried(output: list[Wire]) -> list[Wire]:
    """What Codex sends back of an output: items without ids and status, unknown keys dropped."""
    kept = {
        "reasoning": ("type", "summary", "content", "encrypted_content"),
        "message": ("type", "role", "content", "phase"),
        "function_call": ("type", "name", "namespace", "arguments", "call_id"),
        "custom_tool_call": ("type", "name", "input", "call_id", "status"),
    }
    return [{k: item[k] for k in kept[item["type"]] if k in item} for item in output]


def test_a_first_turn(stream: Stream) -> None:
    events = codex(stream, [DEVELOPER, user("Hello")])
    body = events[-1]["response"]
    assert body["status"] == "completed"
    assert text_of(body)
    assert item_of(body, "reasoning")["encrypted_content"]
    assert [tool["type"] for tool in body["tools"]] == ["function", "namespace", "custom"]


def test_a_command_and_its_output(stream: Stream) -> None:
    forced = {"type": "function", "name": "exec_command"}
    items: list[Any] = [DEVELOPER, user("Hello")]
    first = codex(stream, items, tool_choice=forced)[-1]["response"]
    call = item_of(first, "function_call")
    assert call["name"] == "exec_command"
    items += carried(first["output"])
    items.append(
        {
            "type": "function_call_output",
            "id": "fco_codex",
            "call_id": call["call_id"],
            "output": "Chunk ID: 1\nProcess exited with code 0\nOutput:\nfile.txt\n",
        }
    )
    second = codex(stream, items)[-1]["response"]
    assert second["status"] == "completed"
    cached = second["usage"]["input_tokens_details"]["cached_tokens"]
    assert cached >= first["usage"]["total_tokens"] - 1, "the turn is replayed exactly"


def test_reasoning_that_only_the_server_can_read(stream: Stream) -> None:
    forced = {"type": "function", "name": "exec_command"}
    items: list[Any] = [DEVELOPER, user("What is 27 + 15?")]
    first = codex(stream, items, tool_choice=forced)[-1]["response"]
    back = carried(first["output"])
    for item in back:
        if item["type"] == "reasoning":
            item["content"] = None
    call = item_of(first, "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "42"}
    second = codex(stream, [*items, *back, output])[-1]["response"]
    assert second["usage"]["input_tokens_details"]["cached_tokens"] >= (
        first["usage"]["total_tokens"] - 1
    )


def test_a_patch_by_its_grammar(stream: Stream) -> None:
    items: list[Any] = [DEVELOPER, user("Hello")]
    forced = {"type": "custom", "name": "apply_patch"}
    events = codex(stream, items, tool_choice=forced, max_output_tokens=120)
    call = item_of(events[-1]["response"], "custom_tool_call")
    assert call["input"].startswith("*** Begin Patch\n*** ")
    items += carried(events[-1]["response"]["output"])
    items.append(
        {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "Success."}
    )
    second = codex(stream, items)[-1]["response"]
    assert second["status"] == "completed"


def test_an_agent_in_a_namespace(stream: Stream) -> None:
    forced = {"type": "function", "name": "multi_agent_v1__spawn_agent"}
    items: list[Any] = [DEVELOPER, user("Hello")]
    first = codex(stream, items, tool_choice=forced)[-1]["response"]
    call = item_of(first, "function_call")
    assert (call["namespace"], call["name"]) == ("multi_agent_v1", "spawn_agent")
    items += carried(first["output"])
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    text = {"type": "input_text", "text": "started"}
    items.append(
        {"type": "function_call_output", "call_id": call["call_id"], "output": [text, image]}
    )
    assert codex(stream, items)[-1]["response"]["status"] == "completed"


def test_an_output_schema(stream: Stream) -> None:
    schema = {
        "type": "object",
        "properties": {"country": {"type": "string"}, "capital": {"type": "string"}},
        "required": ["country", "capital"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "name": "codex_output_schema", "strict": True, "schema": schema}
    text = {"format": form, "verbosity": "low"}
    events = codex(stream, [DEVELOPER, user("Give me France and its capital as JSON.")], text=text)
    assert '"capital"' in text_of(events[-1]["response"])
