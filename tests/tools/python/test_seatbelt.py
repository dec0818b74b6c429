"""The macOS profile: what it says. It is not yet run on hardware."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss_metal.errors import Error
from gptoss_metal.tools.python import Limits, Python
from gptoss_metal.tools.python.place import Place
from gptoss_metal.tools.python.seatbelt import PROGRAM, Seatbelt, profile

EXPRESSION = re.compile(r'\s+|[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+')


def read(text: str) -> list[object]:
    """The profile's expressions; an error if they are none."""
    stack: list[list[object]] = [[]]
    position = 0
    while position < len(text):
        found = EXPRESSION.match(text, position)
        assert found is not None
        position = found.end()
        word = found[0]
        if word == "(":
            stack.append([])
        elif word == ")":
            done = stack.pop()
            stack[-1].append(done)
        elif not word.isspace():
            stack[-1].append(word)
    assert len(stack) == 1
    return stack[0]


def test_the_profile(tmp_path: Path) -> None:
    odd = tmp_path / 'a "quoted" \\ folder'
    lib, work, sockets = (tmp_path / name for name in ("lib", "work", "s"))
    rules = read(profile(Path(sys.executable), [lib], [odd], [work], sockets))
    assert rules[:2] == [["version", "1"], ["deny", "default"]]
    assert ["deny", "process-fork"] in rules
    allowed = {str(rule[1]) for rule in rules if isinstance(rule, list) and rule[0] == "allow"}
    assert not {word for word in allowed if word.startswith(("mach", "iokit", "system", "job"))}
    written = [r for r in rules if isinstance(r, list) and r[:2] == ["allow", "file-write*"]]
    paths = re.findall(r"'\"(.*?)\"'", str(written))
    assert sorted(paths) == sorted([str(work), "/dev/null"])
    networks = [r for r in rules if isinstance(r, list) and str(r[1]).startswith("network")]
    assert len(networks) == 2
    assert all("unix-socket" in str(rule) for rule in networks)
    assert str(rules).count("quoted") == 1


def test_a_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.make()
    with Seatbelt().launch(place, Limits(), Path(sys.executable)) as launch:
        assert launch.command[:2] == ["/bin/sh", "-c"]
        assert launch.command[4] == PROGRAM
        assert launch.environment["HOME"] == str(place.folder / "home")
        assert not {"GPTOSS_METAL_HOME", "TOKEN"} & set(launch.environment)
        # The same command with a sandbox-exec that only starts the program.
        plain = tmp_path / "sandbox-exec"
        plain.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
        plain.chmod(0o755)
        command = [str(plain) if part == PROGRAM else part for part in launch.command]
        where = [*command[: command.index("-I")], "-c", "import os; print(os.getcwd())"]
        done = subprocess.run(
            where, env=launch.environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == os.path.realpath(place.work)
    place.remove()


@pytest.mark.skipif(sys.platform == "darwin", reason="it is there")
def test_not_here() -> None:
    with pytest.raises(Error, match=r"sandbox-exec is missing\. Try: "):
        Seatbelt.find()


@pytest.mark.skipif(sys.platform != "darwin", reason="macOS only; not yet run on hardware")
def test_on_a_mac() -> None:
    tool = Python()
    assert tool.run("x = 41\nx + 1").text == "42"
    for code in (
        "import socket; socket.create_connection(('1.1.1.1', 80), 2)",
        "import socket; socket.create_connection(('127.0.0.1', 22), 2)",
        "open('/etc/passwd').read()",
        "import os; os.listdir(os.path.expanduser('~/..'))",
        "open('/tmp/breach', 'w')",
        "import os; os.fork()",
    ):
        output = tool.run(code)
        assert output.failed, code
        assert "Operation not permitted" in output.text, output.text
    tool.close()
