"""Codex CLI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.expected import SUM as ANSWER
from tests.clients.npm.agent import SUM, WEATHER, Agent
from tests.running import Running

EXEC = ("exec", "--skip-git-repo-check", "--json")
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
# A prompt as short as Codex can make it: the demo model knows few words.
SHORT = (
    *("-c", "include_permissions_instructions=false"),
    *("-c", "include_environment_context=false"),
    *("-c", "include_apps_instructions=false"),
    *("-c", "skills.include_instructions=false"),
)
# Leaves Codex its command tool, what writes to a running command, and apply_patch or web_search.
COMMANDS = (
    *("--disable", "goals"),
    *("--disable", "multi_agent"),
    *("--disable", "view_image"),
    *("-c", "tools.experimental_request_user_input.enabled=false"),
    *("-c", "allow_login_shell=false"),  # keeps PATH
)
SUNNY = '{"city": "Oslo", "temperature": 21, "condition": "sunny"}'


@pytest.fixture
def bin_folder(node_clients: Path) -> Path:
    return node_clients / "node_modules" / ".bin"


@pytest.fixture
def codex(bin_folder: Path, server: Running, tmp_path: Path) -> Agent:
    return Agent("codex", bin_folder, server, tmp_path)


def last_message(events: list[dict[str, Any]]) -> str:
    messages = [
        event["item"]["text"]
        for event in events
        if event["type"] == "item.completed" and event["item"]["type"] == "agent_message"
    ]
    assert [event["type"] for event in events][-1] == "turn.completed", events
    return str(messages[-1])


def calls_and_results(codex: Agent) -> tuple[list[dict[str, Any]], list[str]]:
    """The calls that Codex got from the model, and what it sent back for each."""
    [rollout] = (codex.home / ".codex" / "sessions").rglob("*.jsonl")
    items = [json.loads(line)["payload"] for line in rollout.read_text().splitlines()]
    calls = [item for item in items if item.get("type") == "function_call"]
    results = [item for item in items if item.get("type") == "function_call_output"]
    assert [call["call_id"] for call in calls] == [result["call_id"] for result in results]
    return calls, [result["output"] for result in results]


def short(codex: Agent) -> tuple[str, ...]:
    """Options for the shortest prompt, with instructions of one word."""
    instructions = codex.home / "instructions.md"
    instructions.write_text("Help.")
    return (*SHORT, "-c", f"model_instructions_file='{instructions}'")


def run_a_command(codex: Agent, *command: str) -> None:
    """The demo model names a city wherever an argument is wanted: here a program is called so."""
    program = codex.home / "bin" / "Oslo"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{SUNNY}'\n")
    program.chmod(0o755)
    codex.variables["PATH"] = f"{program.parent}:{codex.variables['PATH']}"
    asked = (*EXEC, *short(codex), *COMMANDS, "What is the weather in Oslo?")
    events = codex.lines(*command, *asked)
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    ran = [item for item in items if item["type"] == "command_execution"]
    calls, results = calls_and_results(codex)
    assert 1 <= len(ran) == len(calls) <= 3, "once is enough, but the model is small"
    for item, call, result in zip(ran, calls, results, strict=True):
        assert call["name"] == "exec_command"
        assert json.loads(call["arguments"]) == {"cmd": "Oslo"}
        assert item["command"].endswith(" -c Oslo")
        assert item["exit_code"] == 0
        assert item["aggregated_output"] == SUNNY + "\n"
        assert SUNNY in result
    assert last_message(events), "the model said nothing after the result"


def check_schema(codex: Agent, *command: str) -> None:
    """An answer of the form that was asked for."""
    schema = codex.home / "person.json"
    schema.write_text(json.dumps(PERSON))
    asked = ("--output-schema", str(schema), "Return Anna, aged 33, as JSON.")
    said = json.loads(last_message(codex.lines(*command, *EXEC, *asked)))
    assert set(said) == {"name", "age"}
    assert isinstance(said["name"], str)
    assert isinstance(said["age"], int)


def problems(events: list[dict[str, Any]]) -> list[str]:
    items = [event.get("item", {}) for event in events]
    return [item["message"] for item in items if item.get("type") == "error"]


def test_our_catalogue_is_accepted(codex: Agent) -> None:
    catalogue = codex.home / ".codex" / "gptoss-metal.models.json"
    shown = codex.run("codex", "-c", f"model_catalog_json='{catalogue}'", "debug", "models")
    [entry] = json.loads(shown)["models"]
    assert entry["slug"] == "steady"
    assert entry["apply_patch_tool_type"] == "freeform"
    assert entry["context_window"] == 131072


def test_exec_with_our_profile(codex: Agent) -> None:
    assert codex.setup["command"] == ["codex", "--profile", "gptoss-metal"]
    events = codex.lines(*codex.setup["command"], *EXEC, "--strict-config", SUM)
    assert last_message(events) == ANSWER
    assert problems(events) == [], "Codex does not know the model"
    usage = events[-1]["usage"]
    assert usage["reasoning_output_tokens"] > 0
    assert usage["output_tokens"] > usage["reasoning_output_tokens"]


def test_an_output_schema_holds(codex: Agent) -> None:
    check_schema(codex, *codex.setup["command"])


def test_a_command_is_run_and_its_output_read(codex: Agent) -> None:
    run_a_command(codex, *codex.setup["command"])


def test_another_tool_is_called_and_its_result_read(codex: Agent) -> None:
    """The demo model means to call get_weather; of all of Codex's tools it takes get_goal."""
    events = codex.lines(*codex.setup["command"], *EXEC, *short(codex), WEATHER)
    assert last_message(events)
    [call], [result] = calls_and_results(codex)
    assert call["name"] == "get_goal"
    assert "remainingTokens" in result


@pytest.fixture(params=["ollama", "lmstudio"])
def oss(
    request: pytest.FixtureRequest, bin_folder: Path, server: Running, tmp_path: Path
) -> tuple[Agent, list[str]]:
    """Codex without our configuration, and its command: it takes us for a provider it knows."""
    codex = Agent("", bin_folder, server, tmp_path)
    codex.variables["CODEX_OSS_BASE_URL"] = server.url + "/v1"
    return codex, ["codex", "--oss", "--local-provider", request.param, "-m", "steady"]


def test_oss(oss: tuple[Agent, list[str]]) -> None:
    codex, command = oss
    assert last_message(codex.lines(*command, *EXEC, SUM)) == ANSWER


def test_oss_runs_a_command(oss: tuple[Agent, list[str]]) -> None:
    codex, command = oss
    run_a_command(codex, *command)


def test_an_output_schema_holds_with_oss(oss: tuple[Agent, list[str]]) -> None:
    codex, command = oss
    check_schema(codex, *command)


def test_launch(codex: Agent, bin_folder: Path, home: Path) -> None:
    from tests.cli.program import start

    untouched = sorted(codex.home.rglob("*"))
    asked = ("launch", "codex", "--model", "steady", "--url", codex.server.url, "--")
    done = start(*asked, *EXEC, "--cd", codex.work, SUM, **codex.variables)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert last_message(events) == ANSWER
    assert (home / "clients" / "codex" / "gptoss-metal.config.toml").exists()
    assert sorted(codex.home.rglob("*")) == untouched, "the user's own folder was touched"
