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
    schema = codex.home / "person.json"
    schema.write_text(json.dumps(PERSON))
    asked = ("--output-schema", str(schema), "Return Anna, aged 33, as JSON.")
    said = json.loads(last_message(codex.lines(*codex.setup["command"], *EXEC, *asked)))
    assert set(said) == {"name", "age"}
    assert isinstance(said["name"], str)
    assert isinstance(said["age"], int)


def test_a_tool_of_codex_is_called_and_its_result_read(codex: Agent) -> None:
    """The demo model means to call get_weather; of Codex's tools the grammar leaves it get_goal."""
    instructions = codex.home / "instructions.md"
    instructions.write_text("Help.")
    short = (*SHORT, "-c", f"model_instructions_file='{instructions}'")
    events = codex.lines(*codex.setup["command"], *EXEC, *short, WEATHER)
    assert last_message(events)
    [rollout] = (codex.home / ".codex" / "sessions").rglob("*.jsonl")
    items = [json.loads(line)["payload"] for line in rollout.read_text().splitlines()]
    calls = {item["call_id"]: item for item in items if item.get("type") == "function_call"}
    results = [item for item in items if item.get("type") == "function_call_output"]
    assert [call["name"] for call in calls.values()] == ["get_goal"]
    assert [result["call_id"] for result in results] == list(calls)
    assert "remainingTokens" in results[0]["output"]


@pytest.mark.parametrize("provider", ["ollama", "lmstudio"])
def test_oss(bin_folder: Path, server: Running, tmp_path: Path, provider: str) -> None:
    codex = Agent("", bin_folder, server, tmp_path)
    local = ("--oss", "--local-provider", provider, "-m", "steady")
    events = codex.lines("codex", *EXEC, *local, SUM, CODEX_OSS_BASE_URL=server.url + "/v1")
    assert last_message(events) == ANSWER


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
