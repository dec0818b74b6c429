"""A server of the tests' own: the program itself, as users start it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType

READY = 120.0
ADDRESS = re.compile(r"http://[\d.]+:\d+")


class Server:
    """``gptoss-metal serve`` on a free port; a context manager, ready inside.

    Args:
        log: where its messages go.
        arguments: the model, and more options.

    Attributes:
        url: where it answers.
    """

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self._log = log
        self._command = [sys.executable, "-m", "gptoss_metal", "serve", *arguments, "--port", "0"]
        self._environment = os.environ | environment
        self.url = ""

    def __enter__(self) -> Server:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment
            )
        until = time.monotonic() + READY
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self.__exit__(None, None, None)
                raise AssertionError(f"the server did not start: {self.log()}")
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the server did not end: {self.log()}") from None

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def log(self) -> str:
        """All that it has said."""
        return self._log.read_text("utf-8", "replace")

    def _is_ready(self) -> bool:
        found = ADDRESS.search(self.log())
        if found is None:
            return False
        self.url = found.group()
        try:
            with urllib.request.urlopen(self.url + "/health", timeout=5):
                return True
        except OSError:  # refused, not ready, or too busy to answer in time
            return False
