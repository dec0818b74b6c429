"""llm, the command: configured by us, and launched by us."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import answer, refused, start
from tests.clients.conftest import environment
from tests.clients.expected import PERSON, SUM, WEATHER
from tests.running import Running

FUNCTION = """
def get_weather(city: str) -> str:
    "Gets the current weather for a city."
    return '{"city": "%s", "temperature": 21, "condition": "sunny"}' % city
"""


@pytest.fixture(scope="session")
def bin_folder(python_clients: Path) -> str:
    """Where the clients' commands are."""
    return str(python_clients.parent)


def llm(bin_folder: str, server: Running, home: Path, *args: str) -> str:
    """Runs llm as `config llm --write` has set it up."""
    variables = environment(server, home)
    answer("config", "llm", "--url", server.url, "--model", "steady", "--write", **variables)
    variables |= {"LLM_MODEL": "gptoss-metal/steady", "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        [f"{bin_folder}/llm", *args], capture_output=True, text=True, timeout=120, env=variables
    )
    assert done.returncode == 0, done.stderr + server.said
    return done.stdout + done.stderr


def test_it_answers(bin_folder: str, server: Running, tmp_path: Path) -> None:
    assert llm(bin_folder, server, tmp_path, "What is 27 + 15?").strip() == SUM


def test_a_schema_holds(bin_folder: str, server: Running, tmp_path: Path) -> None:
    said = llm(bin_folder, server, tmp_path, "--schema", "name, age int", PERSON_QUESTION)
    assert json.loads(said) == PERSON


PERSON_QUESTION = "Return Anna, aged 33, as JSON."


def test_a_tool_is_called(bin_folder: str, server: Running, tmp_path: Path) -> None:
    asked = ("--functions", FUNCTION, "--tools-debug", "What is the weather in Paris?")
    said = llm(bin_folder, server, tmp_path, *asked)
    assert "get_weather({'city': 'Paris'})" in said
    assert WEATHER in said


def free_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_launch_starts_a_server_and_ends_it(demo_path: Path, bin_folder: str, home: Path) -> None:
    url = free_url()
    paths = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    asked = ("--no-log", "-o", "temperature", "0", "What is 27 + 15?")
    done = start("launch", "llm", "--model", "demo", "--url", url, "--", *asked, **paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == SUM
    assert f"starting gptoss-metal serve demo at {url}" in done.stderr
    assert (home / "clients" / "llm" / "extra-openai-models.yaml").exists()
    assert not answers(url), "the server still runs"


def test_launch_uses_a_running_server(server: Running, bin_folder: str) -> None:
    paths = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    asked = ("--no-log", "What is 27 + 15?")
    done = start("launch", "llm", "--model", "steady", "--url", server.url, "--", *asked, **paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == SUM
    assert "starting" not in done.stderr
    assert server.alive


def test_launch_returns_the_clients_exit_code(server: Running, bin_folder: str) -> None:
    paths = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = start("launch", "llm", "--url", server.url, "--", "--no-such-option", **paths)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: No such option"), "not from llm itself"


def answers(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_launch_told_to_end_leaves_nothing_running(demo_path: Path, bin_folder: str) -> None:
    url = free_url()
    command = ("launch", "llm", "--model", "demo", "--url", url, "--", "chat")
    with subprocess.Popen(
        [sys.executable, "-m", "gptoss_metal", *command],
        stdin=subprocess.PIPE,  # llm waits for a line that never comes
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"},
    ) as launched:
        assert launched.stdout is not None
        assert "Chatting with" in launched.stdout.readline()
        assert answers(url)
        launched.terminate()
        assert launched.wait(60) == 130
        assert launched.stdout.read() is not None, "llm still holds its output"
    assert not answers(url), "the server still runs"


def test_launch_says_what_to_install(server: Running, tmp_path: Path) -> None:
    said = refused("launch", "codex", "--url", server.url, PATH=str(tmp_path))
    assert said == "[launch] codex is not installed. Try: npm install -g @openai/codex"
    said = refused("launch", "zed", "--url", server.url)
    assert "gptoss-metal config zed" in said


def test_launch_tells_why_no_server_starts(bin_folder: str) -> None:
    paths = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = start("launch", "llm", "--model", "no-such-model", "--url", free_url(), **paths)
    assert done.returncode == 2
    assert "no model named no-such-model" in done.stderr.splitlines()[-1]
    done = start("launch", "llm", "--model", "demo", "--url", "http://192.0.2.1:80", **paths)
    assert done.returncode == 2
    assert "no server answers at http://192.0.2.1:80" in done.stderr.splitlines()[-1]
