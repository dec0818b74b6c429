"""What lies outside the sandbox, and notices when something comes out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gptoss_metal.tools.python.limits import Limits
from gptoss_metal.tools.python.place import CONNECTION, Place
from gptoss_metal.tools.python.sandbox import INSIDE, Launch

SECRET = "correct horse battery staple"
LISTEN_SECONDS = 0.1
"""How long listeners wait: what was sent on this machine is there at once."""


@dataclass
class World:
    """Listeners, files and a process of the test's.

    Attributes:
        folder: files that nobody may read or change.
        victim: a process that has the secret in its environment.
        ports: of the listeners, by kind (``tcp``, ``udp``).
        listeners: the sockets on which somebody may be heard, by kind.
        inherited: descriptor of an open file with the secret, which children may inherit.
    """

    folder: Path
    victim: subprocess.Popen[bytes]
    ports: dict[str, int] = field(default_factory=dict)
    listeners: dict[str, socket.socket] = field(default_factory=dict)
    inherited: int = -1

    @property
    def secret(self) -> Path:
        """A file with the secret."""
        return self.folder / "secret.txt"

    @property
    def path_socket(self) -> Path:
        """A unix socket somebody listens on."""
        return self.folder / "unix.sock"

    @property
    def abstract_socket(self) -> str:
        """A unix socket without a file; no other world's, which may still be closing."""
        return f"gptoss-metal-{os.getpid()}-{hashlib.sha256(bytes(self.folder)).hexdigest()[:16]}"

    def held(self) -> dict[str, object]:
        """What the folder holds: contents, rights and numbers of links."""
        found: dict[str, object] = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[path.name] = content, status.st_mode, status.st_nlink
        return found

    def heard(self) -> list[str]:
        """The kinds of the listeners that somebody sent something, or asked to."""
        found, _, _ = select.select(self.listeners.values(), [], [], LISTEN_SECONDS)
        return [kind for kind, listener in self.listeners.items() if listener in found]

    def victim_is_well(self) -> bool:
        """Whether the process runs, and nobody traces it."""
        if self.victim.poll() is not None:
            return False
        status = Path(f"/proc/{self.victim.pid}/status")
        return not status.exists() or "TracerPid:\t0" in status.read_text()


@contextmanager
def open_world(folder: Path) -> Iterator[World]:
    """A world with everything in it."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        victim = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            env={"TOKEN": SECRET},
            start_new_session=True,  # an attack may kill its group
        )
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        world = World(folder, victim)
        world.secret.write_text(SECRET)
        world.inherited = os.open(world.secret, os.O_RDONLY)
        os.set_inheritable(world.inherited, True)
        stack.callback(os.close, world.inherited)
        for kind, family, how, address in (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("path", socket.AF_UNIX, socket.SOCK_STREAM, str(world.path_socket)),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0" + world.abstract_socket),
        ):
            listener = stack.enter_context(socket.socket(family, how))
            world.listeners[kind] = listener
            listener.bind(address)
            if family == socket.AF_INET:
                world.ports[kind] = listener.getsockname()[1]
            if how == socket.SOCK_STREAM:
                listener.listen()
        yield world


@dataclass(frozen=True)
class NoSandbox:
    """The same kernel with nothing around it, and a descriptor to inherit: for planted breaches."""

    inherited: int

    @contextmanager
    def launch(self, place: Place, limits: Limits, python: Path) -> Iterator[Launch]:
        place.write(str(place.sockets), str(place.work), (os.getuid(), os.getgid()))
        arguments = ["--rlimits", str(1 << 40), "100000", str(1 << 40), "100000"]
        program: Sequence[str] = [
            str(python),
            str(INSIDE / "start.py"),
            str(place.sockets / CONNECTION),
            *arguments,
        ]
        # Two shells around it, where bubblewrap has two processes.
        inner = f'cd "{place.work}" && "$@"; exit'
        command = ["sh", "-c", 'sh -c "$0" "$@"; exit', inner, "sh", *program]
        environment = {**os.environ, "IPYTHONDIR": str(place.work / "ipython")}
        yield Launch(command, environment, [self.inherited])
