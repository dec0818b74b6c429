"""The messages between us and a kernel: Jupyter's protocol over unix sockets.

The kernel runs code we do not trust: its messages are small or refused, and a socket it closes is
never connected again, for by then something else may stand at its place.
"""

from __future__ import annotations

import socket as unix
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import zmq
from jupyter_client.session import Session

from gptoss_metal.tools.python.output import Output
from gptoss_metal.tools.python.place import Place

MOST_BYTES: Final = 1 << 20
MOST_WAITING: Final = 200
FINISH_SECONDS: Final = 2.0


@dataclass
class Execution:
    """A request, and how much of its answer has come.

    Attributes:
        id: of the request.
        begun: whether the kernel has taken it up.
        replied: when the reply came; None before.
        idle: whether the kernel said that it is done, behind all output.
    """

    id: str
    begun: bool = False
    replied: float | None = None
    idle: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing more comes; a full queue may have swallowed that the kernel is idle."""
        late = self.replied is not None and time.monotonic() - self.replied > FINISH_SECONDS
        return self.replied is not None and (self.idle or late)


class Channels:
    """The two channels that running code takes.

    Args:
        place: the kernel's folder.
    """

    def __init__(self, place: Place) -> None:
        self._session = Session(key=place.key.encode(), username="gptoss-metal")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self._shell = self._connect(zmq.DEALER, place.socket("shell"))
        self._iopub = self._connect(zmq.SUB, place.socket("iopub"))

    @staticmethod
    def open(place: Place) -> bool:
        """Whether the kernel listens on both channels, which must be so before they are made."""
        return all(_listens(place.socket(name)) for name in ("shell", "iopub"))

    def greet(self) -> Execution:
        """Asks the kernel who it is; both channels work once the answer is complete."""
        return self._send("kernel_info_request", {})

    def execute(self, code: str) -> Execution:
        """Sends code to run."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        return self._send("execute_request", content)

    def collect(self, execution: Execution, output: Output, seconds: float) -> None:
        """Waits a while for messages and takes them all; what cannot be read is left out."""
        for socket, _ in self._poller.poll(int(seconds * 1000)):
            while (message := self._receive(socket)) is not None:
                kind, about, content = message
                if about != execution.id:
                    continue
                execution.begun = True
                if socket is self._shell:
                    execution.replied = time.monotonic()
                elif kind == "status":
                    execution.idle = content.get("execution_state") == "idle"
                else:
                    output.message(kind, content)

    def close(self) -> None:
        """Closes the sockets."""
        self._context.destroy(linger=0)

    def _connect(self, kind: int, path: Path) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)
        socket.setsockopt(zmq.RCVHWM, MOST_WAITING)
        socket.setsockopt(zmq.RECONNECT_IVL, -1)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(f"ipc://{path}")
        self._poller.register(socket, zmq.POLLIN)
        return socket

    def _send(self, kind: str, content: dict[str, Any]) -> Execution:
        message = self._session.msg(kind, content)
        self._session.send(self._shell, message)
        return Execution(str(message["header"]["msg_id"]))

    def _receive(self, socket: Any) -> tuple[str, object, Mapping[str, Any]] | None:
        """The next message: its type, what it is about, and its content."""
        while True:
            try:
                _, message = self._session.recv(socket, zmq.NOBLOCK)
                if message is None:
                    return None
                about = message["parent_header"].get("msg_id")
                return str(message["header"]["msg_type"]), about, dict(message["content"])
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue  # not of Jupyter's protocol, or signed with another key


def _listens(path: Path) -> bool:
    with unix.socket(unix.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
