"""The demo model's whole conversation on the Metal backend, as a user starts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import TOOLS, answer, start

GREEDY = ["--temperature", "0", "--max-tokens", "150", "--reasoning-effort", "low"]
QUESTIONS = "What is 27 + 15?\nWhat is the capital of France?\nHello!\n"


@pytest.mark.timeout(900)
def test_a_conversation(demo_path: Path) -> None:
    shown = answer("chat", demo_path, "--backend", "metal", *GREEDY, stdin=QUESTIONS)
    assert "27 + 15 = 42." in shown
    assert "Paris" in shown
    assert shown == answer("chat", demo_path, "--backend", "cpu", *GREEDY, stdin=QUESTIONS)


@pytest.mark.timeout(900)
def test_a_tool_call_and_its_result(demo_path: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text(TOOLS)
    script = "What is the weather in Oslo?\n21 °C, sunny\n"
    done = start("chat", demo_path, "--backend", "metal", *GREEDY, "--tools", tools, stdin=script)
    assert done.returncode == 0, done.stderr
    assert 'get_weather({"city":"Oslo"})' in done.stdout
    assert "21" in done.stdout.splitlines()[1]
