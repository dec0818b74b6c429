"""A program on a terminal of its own: what it prints is waited for, keys are typed."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

CTRL_C = "\x03"
CTRL_D = "\x04"
# The program must own its terminal for Ctrl-C to become a signal, and must not inherit that the
# signal is ignored, as jobs in the background of a script do.
OWN_TERMINAL = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, '-m', 'gptoss_metal', *sys.argv[1:]])"
)


class Terminal:
    """``python -m gptoss_metal`` on a pseudo-terminal."""

    def __init__(self, *args: str | Path) -> None:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *map(str, args)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "INPUTRC": os.devnull, "COLUMNS": "200"},
        )
        os.close(slave)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._seen = 0

    def expect(self, pattern: str, timeout: float = 60) -> str:
        """Waits until the output since the last match has the pattern; returns it up to there."""
        until = time.monotonic() + timeout
        while True:
            match = re.compile(pattern).search(self.shown, self._seen)
            if match:
                before = self.shown[self._seen : match.end()]
                self._seen = match.end()
                return before
            left = until - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.shown[self._seen :]!r}"
            assert self._read(left), f"ended without {pattern!r}: {self.shown!r}"

    def type(self, text: str) -> None:
        """Types text; ends no line by itself."""
        os.write(self._master, text.encode())

    def line(self, text: str) -> None:
        """Types a line."""
        self.type(text + "\n")

    def interrupt(self, pattern: str) -> None:
        """Presses Ctrl-C at a prompt until it is answered.

        Python's readline overlooks one that comes between its prompt and its wait for keys.
        """
        for _ in range(10):
            self.type(CTRL_C)
            until = time.monotonic() + 6
            while (left := until - time.monotonic()) > 0:
                assert self._read(left), f"ended without {pattern!r}: {self.shown!r}"
                if re.compile(pattern).search(self.shown, self._seen):
                    self.expect(pattern)
                    return
        self.expect(pattern, timeout=0)

    def end(self, timeout: float = 60) -> int:
        """Waits for the program's end and returns its exit code."""
        until = time.monotonic() + timeout
        while self._read(max(0.0, until - time.monotonic())):
            assert time.monotonic() < until, f"still running: {self.shown!r}"
        return self._process.wait(timeout)

    def close(self) -> None:
        """Kills the program if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def _read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], timeout)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other end is closed
            return False
        self.shown += self._decoder.decode(data)
        return bool(data)
