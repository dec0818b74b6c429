"""The real server as a process, as users start it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

STARTUP = 120
END = 30
LINE = re.compile(r"serving \S+ at (http://\S+)")


@dataclass
class Running:
    """A started server.

    Attributes:
        url: where it listens, e.g. ``http://127.0.0.1:40123``.
        process: the process.
        log: what it wrote so far, line by line.
    """

    url: str
    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """All that it wrote so far."""
        return "\n".join(self.log)

    def stop(self, sent: int = signal.SIGTERM, timeout: float = END) -> int:
        """Ends it with a signal and returns its exit code."""
        self.process.send_signal(sent)
        return self.process.wait(timeout)


@contextlib.contextmanager
def running(*args: str | Path, wait: bool = True, **env: str) -> Iterator[Running]:
    """Starts ``gptoss-metal serve ARGS --port 0`` on a fixed day, and ends it with SIGTERM.

    Args:
        args: the model first.
        wait: until ``/health`` answers 200.
        env: environment variables besides the test's own.

    Raises:
        AssertionError: it did not start, or had to be killed.
    """
    command = [sys.executable, "-m", "tests.dated", "serve", *map(str, args), "--port", "0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | env,
    )
    server = Running("", process)
    reader = threading.Thread(target=_read, args=(server,), daemon=True)
    reader.start()
    try:
        _until(lambda: bool(server.url), server, "it named no URL")
        if wait:
            _until(lambda: _healthy(server.url), server, "it never got ready")
        yield server
    finally:
        ended = _end(process)
        reader.join(5)
        assert ended, f"the server did not end: {server.said}"


def _end(process: subprocess.Popen[str]) -> bool:
    """Ends it; False if it had to be killed."""
    process.terminate()
    try:
        process.wait(END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def _read(server: Running) -> None:
    assert server.process.stdout is not None
    for line in server.process.stdout:
        server.log.append(line.rstrip("\n"))
        found = LINE.search(line)
        if found:
            server.url = found.group(1)


def _until(condition: Callable[[], bool], server: Running, what: str) -> None:
    end = time.monotonic() + STARTUP
    while not condition():
        if not server.alive or time.monotonic() > end:
            raise AssertionError(f"{what}: {server.said}")
        time.sleep(0.02)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
