"""Code that wants out stays in: each attempt is made, and its effect looked for outside."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gptoss_metal.store import home as store
from gptoss_metal.tools.python import Python
from gptoss_metal.tools.python.sandbox import INSIDE, Sandbox, find_sandbox
from tests.tools.python.attacks import ATTACKS
from tests.tools.python.attacks.attack import PRELUDE, SMALL, Attack, Seen
from tests.tools.python.world import SECRET, NoSandbox, World, open_world

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the macOS sandbox is not yet run on hardware"
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "outside") as opened:
        yield opened


class Watch(threading.Thread):
    """Looks at the most processes and memory below this one, while an attack runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.processes = 0
        self.memory = 0
        self.over = threading.Event()

    def run(self) -> None:
        own = {child.pid for child in psutil.Process().children(recursive=True)}
        while not self.over.wait(0.02):
            found = [
                child for child in psutil.Process().children(recursive=True) if child.pid not in own
            ]
            sizes = []
            for process in found:
                try:
                    sizes.append((process.memory_full_info().pss, process.num_threads()))
                except psutil.Error:  # it has ended
                    continue
            self.processes = max(self.processes, sum(threads for _, threads in sizes))
            self.memory = max(self.memory, sum(size for size, _ in sizes))


def warm(tool: Python) -> None:
    """Sets ``x``; a machine so slow that the first cell outlasts its limit gets more turns."""
    said = []
    for _ in range(4):
        said.append(tool.run("x = 41; x").text)
        assert tool._kernel is not None
        if tool._kernel.alive and said[-1] == "41":
            return
        said.append(tool._kernel.death)
    raise AssertionError(said)


def attacked(attack: Attack, world: World, sandbox: Sandbox) -> Seen:
    """Makes the attempt; afterwards the kernel lives on, or a fresh one takes its place."""
    variables = {
        "folder": str(world.folder),
        "secret": str(world.secret),
        "victim": world.victim.pid,
        "path_socket": str(world.path_socket),
        "abstract_socket": world.abstract_socket,
        "store": str(store()),
        "inside": str(INSIDE),
        "machine": socket.gethostname(),
        **world.ports,
    }
    code = PRELUDE + "".join(f"{k} = {v!r}\n" for k, v in variables.items()) + attack.code
    before = world.held()
    tool, watch = Python(SMALL, sandbox), Watch()
    try:
        warm(tool)
        watch.start()
        output = tool.run(code).text
        assert tool._kernel is not None
        work = tool._kernel.place.work
        found = work / "loot"
        loot = found.read_text(errors="replace") if found.is_file() else ""
        seen = Seen(world, work, loot, output, watch.processes, watch.memory, before)
        breach = attack.breached(seen)
        if not attack.planted or not isinstance(sandbox, NoSandbox):
            after = tool.run("print(x + 1)").text
            if attack.survives:
                assert after == "42", (output, after)
            else:
                assert "fresh kernel" in after or "42" in after, (output, after)
                assert "NameError" in after or "42" in after
    finally:
        watch.over.set()
        folder = tool._kernel.place.folder if tool._kernel is not None else None
        tool.close()
    assert folder is not None
    assert not folder.exists()
    return dataclasses.replace(seen, loot="breach" if breach else "")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_contained(attack: Attack, world: World) -> None:
    os.environ["TOKEN"] = SECRET
    seen = attacked(attack, world, find_sandbox())
    assert not seen.loot, seen.output[-2000:]
    assert world.victim_is_well()
    assert world.held() == seen.before
    assert not world.heard()


@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if attack.planted], ids=lambda attack: attack.name
)
def test_the_check_sees_a_breach(attack: Attack, world: World) -> None:
    """The same attempt without a sandbox gets out, and is seen to."""
    seen = attacked(attack, world, NoSandbox(world.inherited))
    assert seen.loot, seen.output[-2000:]
