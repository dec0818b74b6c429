"""A kernel in a sandbox: started, fed with code, stopped between calls, killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gptoss_metal.errors import Error
from gptoss_metal.tools.python.channels import Channels, Execution
from gptoss_metal.tools.python.limits import Limits
from gptoss_metal.tools.python.output import Output
from gptoss_metal.tools.python.place import Place
from gptoss_metal.tools.python.processes import Processes
from gptoss_metal.tools.python.sandbox import Sandbox

START_SECONDS: Final = 60.0
WATCH_SECONDS: Final = 0.05
DISK_SECONDS: Final = 0.5
TICK: Final = 0.1
START_TICK: Final = 0.02
SAID_BYTES: Final = 4096
NO_START: Final = (
    "[python] the sandbox does not start: {}. Try: allow user namespaces "
    "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0), "
    "and install gptoss-metal[tools]."
)


class Kernel:
    """One kernel and its sandbox. It is used by one thread at a time.

    Args:
        sandbox: where it runs.
        limits: what it may use.
        python: the interpreter.

    Raises:
        Error: the sandbox or the kernel does not start.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits, python: Path) -> None:
        self.limits = limits
        self.place = Place.make()
        """Its folder on this side."""
        self.death = ""
        """Why it was killed, or that it ended by itself; empty while it lives."""
        self._running = threading.Event()
        self._over = threading.Event()
        self._started: threading.Event = threading.Event()
        self._problem: BaseException | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._processes: Processes | None = None
        self._channels: Channels | None = None
        weakref.finalize(self, self.place.remove)  # also if nobody closes it
        # bubblewrap dies with the thread that started it: so this one lives as long as the kernel.
        self._keeper = threading.Thread(
            target=self._keep, args=(sandbox, python), name="gptoss-metal-python", daemon=True
        )
        self._keeper.start()
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether it can take code."""
        return not self._over.is_set()

    def run(self, code: str, cancel: threading.Event) -> Output:
        """Runs code, at most for the limit's seconds; what it leaves running is killed.

        Args:
            code: Python, as a notebook's cell.
            cancel: when set, everything is killed.
        """
        output = Output(self.limits.output)
        processes, channels = self._processes, self._channels
        assert processes is not None
        assert channels is not None
        self._running.set()
        processes.go_on()
        try:
            return self._execute(channels.execute(code), output, cancel, processes, channels)
        except BaseException:
            self.kill("the call was interrupted")
            raise

    def _execute(
        self,
        execution: Execution,
        output: Output,
        cancel: threading.Event,
        processes: Processes,
        channels: Channels,
    ) -> Output:
        until = time.monotonic() + self.limits.seconds
        interrupted = False
        while not execution.complete:
            channels.collect(execution, output, TICK)
            output.begun = execution.begun
            if cancel.is_set():
                self.kill("the call was cancelled")
            if not self.alive:
                output.note(f"[python] The kernel is gone: {self.death}. Its variables are lost.")
                return output
            if time.monotonic() > until and interrupted:
                self.kill("it went on after the time limit's interrupt")
            elif time.monotonic() > until:
                interrupted, until = True, time.monotonic() + self.limits.grace
                processes.interrupt()
        if interrupted:
            output.note(f"[python] Interrupted: the limit is {self.limits.seconds:g} seconds.")
        self._halt(processes)
        return output

    def kill(self, reason: str) -> None:
        """Ends all processes of the sandbox at once."""
        self.death = self.death or reason
        self._over.set()
        self._running.set()  # wakes the keeper
        if self._processes is not None:
            self._processes.kill()

    def close(self) -> None:
        """Kills it and removes its folder. Closing twice does no harm."""
        self.kill("it was closed")
        self._keeper.join()
        if self._channels is not None:
            self._channels.close()
        self.place.remove()

    def _connect(self) -> None:
        self._started.wait()
        if self._problem is not None or self._process is None or self._processes is None:
            raise self._problem or Error(NO_START.format("nothing was started"))
        self._running.set()
        until = time.monotonic() + START_SECONDS
        greeting = Execution("")
        while not (greeting.idle and greeting.complete):
            if not self.alive or time.monotonic() > until:
                self.kill(f"it did not answer within {START_SECONDS:g} seconds")
                raise Error(NO_START.format(_last_words(self._process) or self.death))
            if self._channels is None:
                time.sleep(START_TICK)
                self._channels = Channels(self.place) if Channels.open(self.place) else None
                continue
            # Asked again if only the reply came: the subscription was not yet in force.
            if not greeting.id or greeting.complete:
                greeting = self._channels.greet()
            self._channels.collect(greeting, Output(0), TICK)
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._halt(self._processes)

    def _halt(self, processes: Processes) -> None:
        self._running.clear()
        if self.alive and not processes.stop():
            self.kill("its processes could not be stopped")

    # --- the keeper's thread ---

    def _keep(self, sandbox: Sandbox, python: Path) -> None:
        try:
            with sandbox.launch(self.place, self.limits, python) as launch:
                process = _start(launch.command, launch.environment, launch.descriptors)
                self._process, self._processes = process, Processes(process.pid)
                self._started.set()
                self._watch(process, self._processes)
        except BaseException as problem:
            self._problem = problem
            self._over.set()
            self._started.set()

    def _watch(self, process: subprocess.Popen[bytes], processes: Processes) -> None:
        """Ends the kernel when it takes too much, until it has ended."""
        disk_due = 0.0
        while process.poll() is None:
            self._running.wait()
            reason = ""
            if processes.memory() > self.limits.memory:
                reason = f"it took more than {self.limits.memory >> 20} MiB of memory"
            elif time.monotonic() > disk_due:
                reason = self._excess()
                disk_due = time.monotonic() + DISK_SECONDS
            if reason:
                self.kill(reason)
            if self._over.is_set():
                process.wait()
            time.sleep(WATCH_SECONDS)
        self.death = self.death or "it ended by itself"
        self._over.set()

    def _excess(self) -> str:
        """What it has too much of on the disk; empty if it keeps within the limits."""
        used, files = _usage(self.place.work)
        if used > self.limits.disk:
            return f"its files took more than {self.limits.disk >> 20} MiB"
        if files > self.limits.files:
            return f"it made more than {self.limits.files} files"
        return ""


def _start(
    command: Sequence[str], environment: dict[str, str], descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
        start_new_session=True,
    )


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """The last line a dead process wrote to stderr."""
    process.wait()
    said = b"" if process.stderr is None else process.stderr.read(SAID_BYTES)
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def _usage(folder: Path) -> tuple[int, int]:
    """Bytes and number of all files below a folder; links are not followed."""
    used = files = 0
    for path, folders, names in os.walk(folder):
        files += len(folders) + len(names)
        for name in names:
            with contextlib.suppress(OSError):
                used += os.lstat(os.path.join(path, name)).st_blocks * 512
    return used, files
