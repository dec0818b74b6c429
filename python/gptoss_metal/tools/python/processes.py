"""The processes of one sandbox, seen from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

STOP_SECONDS: Final = 5.0
_PAUSE: Final = 0.001
_STOPPED: Final = frozenset("TtZXx")  # proc(5): stopped, traced, zombie, dead
_OWN: Final = ("RssAnon", "RssShmem", "VmSwap")


class Processes:
    """All processes below one, which is ours.

    Args:
        pid: of the process that holds the sandbox.
    """

    def __init__(self, pid: int) -> None:
        self._holder = psutil.Process(pid)

    def kernel(self) -> psutil.Process | None:
        """The kernel: with bubblewrap, the only child of the only child; else the holder itself."""
        if not sys.platform.startswith("linux"):
            return self._holder
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            return self._holder.children()[0].children()[0]
        return None

    def memory(self) -> int:
        """Bytes they have in memory, programs and libraries aside."""
        return sum(_memory(process) for process in self._all())

    def stop(self) -> bool:
        """Halts the kernel and kills all else in the sandbox; False if they outrun us.

        When it returns True, none of the kernel's threads runs: a signal only asks them to stop,
        and one that waits for a core, or is in a system call, does so later.
        """
        kernel = self.kernel()
        if kernel is None:
            return False
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(psutil.NoSuchProcess):
                kernel.suspend()
            resting = at_rest(kernel)
            strays = [process for process in self._all() if not self._belongs(process, kernel)]
            if resting and not strays:
                return True
            for process in strays:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(strays, timeout=0.1)
            time.sleep(_PAUSE)
        return False

    def go_on(self) -> None:
        """Lets the kernel run again."""
        kernel = self.kernel()
        if kernel is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                kernel.resume()

    def interrupt(self) -> None:
        """Sends the kernel what Ctrl-C sends."""
        kernel = self.kernel()
        if kernel is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                kernel.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kills them all at once."""
        for process in (*self._all(), self._holder):  # a namespace's first takes the others along
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _belongs(self, process: psutil.Process, kernel: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            dead = process.status() == psutil.STATUS_ZOMBIE
            return dead or process in (kernel, *self._holder.children())
        return True

    def _all(self) -> Iterator[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from self._holder.children(recursive=True)


def at_rest(process: psutil.Process) -> bool:
    """Whether no thread of it runs: all are stopped, or it has ended."""
    with contextlib.suppress(OSError, psutil.NoSuchProcess):
        if sys.platform.startswith("linux"):
            return all(_stopped(task) for task in Path(f"/proc/{process.pid}/task").iterdir())
        return bool(process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE))
    return True


def _stopped(task: Path) -> bool:
    with contextlib.suppress(OSError):  # it has ended
        state = (task / "stat").read_text().rpartition(")")[2].split()[0]
        return state in _STOPPED
    return True


def _memory(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        if not status.parent.is_dir():
            return int(process.memory_info().rss)
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return sum(int(fields.get(name, "0 kB").split()[0]) * 1024 for name in _OWN)
    return 0


def threads_of_user() -> int:
    """How many threads all processes of our user have."""
    user = os.getuid()
    processes = psutil.process_iter(["uids", "num_threads"])
    return sum(p.info["num_threads"] or 0 for p in processes if p.info["uids"].real == user)
