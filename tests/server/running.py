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
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

STARTUP = 60
LINE = re.compile(r"serving \S+ at (http://\S+)")


@dataclass
class Running:
    """A started server.

    Attributes:
        url: where it listens, e.g. ``http://127.0.0.1:40123``.
        process: the process.
        log: what it wrote on stderr so far, line by line.
    """

    url: str
    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)

    def stop(self, sent: int = signal.SIGTERM, timeout: float = 30) -> int:
        """Ends it with a signal and returns its exit code."""
        self.process.send_signal(sent)
        return self.process.wait(timeout)


@contextlib.contextmanager
def running(*args: str | Path, wait: bool = True, **env: str) -> Iterator[Running]:
    """Starts ``gptoss-metal serve ARGS --port 0``, and ends it.

    Args:
        args: the model first.
        wait: until ``/health`` answers 200.
        env: environment variables besides the test's own.
    """
    command = [sys.executable, "-m", "gptoss_metal", "serve", *map(str, args), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | env)
    server = Running("", process)
    reader = threading.Thread(target=_read, args=(server,), daemon=True)
    reader.start()
    try:
        _until(lambda: bool(server.url), server, "it named no URL")
        if wait:
            _until(lambda: _healthy(server.url), server, "it never got ready")
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(5)


def _read(server: Running) -> None:
    assert server.process.stderr is not None
    for line in server.process.stderr:
        server.log.append(line.rstrip("\n"))
        found = LINE.search(line)
        if found:
            server.url = found.group(1)


def _until(condition: object, server: Running, what: str) -> None:
    assert callable(condition)
    end = time.monotonic() + STARTUP
    while not condition():
        if server.process.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"{what}: " + "\n".join(server.log))
        time.sleep(0.02)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
