"""One measured process: started, asked line by line, and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from gptoss_metal.errors import Error

from .build import ROOT

READ_BYTES: Final = 16 << 20
ENDING_SECONDS: Final = 60


class Worker:
    """A program that takes commands on stdin and answers each with a line of JSON.

    Its first line comes unasked, once it has loaded its model and computed one token.

    Attributes:
        started: seconds from starting the process to that line.
        facts: what that line said.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in __exit__)
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
            cwd=ROOT,
        )
        self.facts = self._answer()
        self.started = time.perf_counter() - begun

    def seconds(self, command: str) -> float:
        """Send a command and return the seconds that it took, as the process measured them.

        Raises:
            Error: the process ended instead.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        return float(self._answer()["seconds"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._process.wait()
        self._errors.seek(0)
        last = " ".join(self._errors.read().split())[-500:]
        name = Path(self._command[0]).name
        raise Error(f"[peers] {name} ended with {code}: {last}. Try: {' '.join(self._command)}")

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if kind is not None:
            self._process.kill()
        self._process.stdin.close()
        self._process.wait(ENDING_SECONDS)
        self._process.stdout.close()
        self._errors.close()


def warm(file: Path) -> None:
    """Read a file once, so that the system keeps it in its page cache if memory allows."""
    buffer = bytearray(READ_BYTES)
    with file.open("rb", buffering=0) as opened:
        while opened.readinto(buffer):
            pass


@contextmanager
def taken_core() -> Iterator[int]:
    """Another process, whose id this gives, keeps the first allowed core busy meanwhile.

    Raises:
        Error: processes cannot be tied to a core on this system.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise Error("[peers] this system cannot tie a process to a core. Try: without `busy`.")
    core = min(os.sched_getaffinity(0))
    program = f"import os\nos.sched_setaffinity(0, [{core}])\nprint(flush=True)\nwhile True: pass"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()
