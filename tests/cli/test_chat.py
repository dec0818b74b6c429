"""``gptoss-metal chat``: on a terminal, and as a script through a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import TOOLS, answer, start
from tests.cli.terminal import CTRL_C, CTRL_D, Terminal

GREEDY = ["--temperature", "0", "--max-tokens", "150", "--reasoning-effort", "low"]
ENDLESS = ["--temperature", "1000", "--seed", "1"]
PROMPT = r"\n(\x1b\[\?2004h)?> "


@pytest.fixture
def terminal(demo_path: Path, home: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    (home / "chat_history").unlink(missing_ok=True)
    started = Terminal("chat", demo_path, *getattr(request, "param", GREEDY))
    started.expect("/help lists the commands")
    started.expect(PROMPT)
    yield started
    started.close()


def test_an_answer_and_the_way_out(terminal: Terminal, home: Path) -> None:
    terminal.line("What is 27 + 15?")
    shown = terminal.expect(PROMPT)
    assert "\x1b[2m" in shown, "the reasoning is dimmed"
    terminal.line("/stats")
    assert "reasoning" in terminal.expect(PROMPT)
    terminal.type(CTRL_D)
    assert terminal.end() == 0
    assert "What is 27 + 15?" in (home / "chat_history").read_text()


def test_history_comes_back(terminal: Terminal, demo_path: Path) -> None:
    terminal.line("/effort high")
    terminal.expect("Reasoning effort: high")
    terminal.line("/exit")
    assert terminal.end() == 0
    again = Terminal("chat", demo_path, *GREEDY)
    again.expect(PROMPT)
    again.line("\x1b[A\x1b[A")  # twice up: the line before /exit
    again.expect("Reasoning effort: high")
    again.close()


@pytest.mark.parametrize("terminal", [ENDLESS], indirect=True)
def test_ctrl_c_stops_the_turn_and_not_the_program(terminal: Terminal) -> None:
    for _ in range(2):
        terminal.line("Talk.")
        terminal.expect("Talk.")
        with pytest.raises(AssertionError):  # it goes on and on
            terminal.expect(PROMPT, timeout=1.5)
        terminal.type(CTRL_C)
        terminal.expect(r"\(stopped\)")
        terminal.expect(PROMPT)
    terminal.line("/stats")
    terminal.expect(r"answer \d+")
    terminal.expect(PROMPT)
    terminal.type("half a line")
    terminal.expect("half a line")  # a Ctrl-C flushes keys that nobody has read
    terminal.interrupt("/exit to leave")
    terminal.expect(PROMPT)
    terminal.type(CTRL_D)
    assert terminal.end() == 0


def test_several_lines(terminal: Terminal, tmp_path: Path) -> None:
    terminal.line("one \\")
    terminal.expect("… ")
    terminal.line("two")
    terminal.expect(PROMPT)
    terminal.line('"""three')
    terminal.expect("… ")
    terminal.line("")
    terminal.expect("… ")
    terminal.line('four"""')
    terminal.expect(PROMPT)
    file = tmp_path / "chat.json"
    terminal.line(f"/save {file}")
    terminal.expect("Saved")
    users = [m["content"] for m in json.loads(file.read_text())["messages"] if m["role"] == "user"]
    assert users == ["one \ntwo", "three\n\nfour"]


def test_generate_on_a_terminal(demo_path: Path) -> None:
    terminal = Terminal("generate", demo_path, "--prompt", "What is 27 + 15?", *ENDLESS)
    with pytest.raises(AssertionError):  # long enough to have started and be generating
        terminal.expect("never printed", timeout=8)
    terminal.type(CTRL_C)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    terminal.close()


def test_a_script(demo_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "chat.json"
    script = f"""/system Be brief.
/effort low
What is 27 + 15?
/save {file}
/clear
/load {file}
/wrong
/load {tmp_path}/missing.json

/tools
/stats
/exit
never read
"""
    done = start("chat", demo_path, *GREEDY, stdin=script)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    saved = json.loads(file.read_text())
    assert [message["role"] for message in saved["messages"]] == ["user", "assistant"]
    assert (saved["system"], saved["effort"]) == ("Be brief.", "low")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Instructions: Be brief.", "Reasoning effort: low"]
    assert saved["messages"][1]["content"] in done.stdout
    assert f"2 messages from {file}." in lines
    assert "Functions: none" in lines
    errors = [line for line in done.stderr.splitlines() if line.startswith("[chat]")]
    assert len(errors) == 2
    assert all("Try: " in line for line in errors)
    assert "Traceback" not in done.stderr


def test_a_saved_chat_goes_on_from_its_tokens(demo_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "chat.json"
    answer("chat", demo_path, *GREEDY, stdin=f"What is 27 + 15?\n/save {file}\n")
    shown = answer("chat", demo_path, *GREEDY, stdin=f"/load {file}\nAnd 3 + 4?\n/stats\n")
    assert "prompt" in shown
    assert json.loads(file.read_text())["messages"][1]["harmony"]


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"messages": [{"role": "x"}]}', '{"messages": [], "effort": "x"}', "5"]
)
def test_what_is_no_conversation_is_not_loaded(
    demo_path: Path, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "chat.json"
    file.write_text(content)
    done = start("chat", demo_path, stdin=f"/load {file}\n/effort\n")
    assert done.stdout == "Reasoning effort: medium\n"
    assert len(done.stderr.splitlines()) == 1


def test_a_question_too_long_is_dropped(demo_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "chat.json"
    script = f"{'word ' * 500}\n/save {file}\n"
    done = start("chat", demo_path, "--context", "200", stdin=script)
    assert done.returncode == 0
    assert "do not fit a context of 200" in done.stderr
    assert json.loads(file.read_text())["messages"] == []


def test_the_user_gives_the_result_of_a_tool(demo_path: Path, tmp_path: Path) -> None:
    tools, file = tmp_path / "tools.json", tmp_path / "chat.json"
    tools.write_text(TOOLS)
    script = f"What is the weather in Oslo?\n21 °C, sunny\n/tools\n/save {file}\n"
    done = start("chat", demo_path, *GREEDY, "--tools", tools, stdin=script)
    assert 'get_weather({"city":"Oslo"})' in done.stdout
    assert "21" in done.stdout.splitlines()[1]
    assert "Functions: get_weather" in done.stdout
    messages = json.loads(file.read_text())["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant"]
    assert messages[2]["content"] == "21 °C, sunny"


def test_a_tool_without_a_result(demo_path: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text(TOOLS)
    terminal = Terminal("chat", demo_path, *GREEDY, "--tools", tools)
    terminal.expect(PROMPT)
    terminal.line("What is the weather in Oslo?")
    terminal.expect("result> ")
    terminal.interrupt(PROMPT)
    terminal.type(CTRL_D)
    assert terminal.end() == 0
    terminal.close()
