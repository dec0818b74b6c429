"""Continue CLI and opencode, each with a tool of an MCP server."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.clients.expected import SUM as ANSWER
from tests.clients.npm.agent import SUM, WEATHER, Agent
from tests.running import Running


def test_continue(
    node_clients: Path, python_clients: Path, server: Running, tmp_path: Path
) -> None:
    agent = Agent("continue", node_clients / "node_modules" / ".bin", server, tmp_path)
    command = agent.setup["command"]
    assert agent.run(*command, "-p", SUM).strip() == ANSWER

    config = tmp_path / ".continue" / "config.yaml"
    values = yaml.safe_load(config.read_text())
    program, *arguments = agent.weather_server(python_clients, "get_weather")
    values["mcpServers"] = [{"name": "weather", "command": program, "args": arguments}]
    config.write_text(yaml.safe_dump(values))
    assert agent.run(*command, "--allow", "get_weather", "-p", WEATHER).strip()
    assert agent.cities() == ["Paris"]


def test_opencode(
    node_clients: Path, python_clients: Path, server: Running, tmp_path: Path
) -> None:
    agent = Agent("opencode", node_clients / "node_modules" / ".bin", server, tmp_path)
    assert agent.setup["command"] == ["opencode", "--model", "gptoss-metal/steady"]
    run = ("opencode", "run", "--model", "gptoss-metal/steady", "--format", "json")
    # Word by word: opencode puts quotation marks around a message with spaces.
    said = [event for event in agent.lines(*run, *SUM.split()) if event["type"] == "text"]
    assert [event["part"]["text"] for event in said] == [ANSWER]

    config = tmp_path / "config" / "opencode" / "opencode.json"
    values = json.loads(config.read_text())
    # opencode calls a tool after its server and itself: get_weather.
    command = agent.weather_server(python_clients, "weather")
    values["mcp"] = {"get": {"type": "local", "command": command, "enabled": True}}
    config.write_text(json.dumps(values))
    events = agent.lines(*run, *WEATHER.split())
    [used] = [event["part"] for event in events if event["type"] == "tool_use"]
    assert used["tool"] == "get_weather"
    assert used["state"]["status"] == "completed"
    assert used["state"]["input"] == {"city": "Paris"}
    assert agent.cities() == ["Paris"]
    [text] = [event["part"]["text"] for event in events if event["type"] == "text"]
    assert text.endswith("in Paris.")
