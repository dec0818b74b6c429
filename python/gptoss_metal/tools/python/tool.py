"""The python tool: one kernel per conversation, started when it is first needed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from gptoss_metal.tools.python.kernel import Kernel
from gptoss_metal.tools.python.limits import Limits
from gptoss_metal.tools.python.output import Output
from gptoss_metal.tools.python.sandbox import Sandbox, find_sandbox

FRESH = "[python] A fresh kernel was started; variables of earlier calls are gone."


class Python:
    """Runs code, keeping its variables from call to call.

    Args:
        limits: what the code may use.
        sandbox: where it runs; this machine's if None.
        python: the interpreter; ours if None. It must have ipykernel.

    Raises:
        Error: this machine has no sandbox, or ipykernel is missing.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        sandbox: Sandbox | None = None,
        python: Path | None = None,
    ) -> None:
        self._limits = Limits() if limits is None else limits
        self._sandbox = find_sandbox() if sandbox is None else sandbox
        self._python = Path(sys.executable) if python is None else python
        self._kernel: Kernel | None = None
        self._lost = False
        self._busy = threading.Lock()
        self._cancel = threading.Event()

    def run(self, code: str) -> Output:
        """Runs code and returns what the model reads; one call at a time.

        Raises:
            Error: the kernel does not start.
        """
        with self._busy:
            self._cancel.clear()
            kernel = self._ready()
            output = kernel.run(code, self._cancel)
            if not kernel.alive and not output.begun and not self._cancel.is_set():
                kernel = self._ready()  # the one before was about to end
                output = kernel.run(code, self._cancel)
            if self._lost:
                output.note(FRESH)
            self._lost = not kernel.alive
            return output

    def cancel(self) -> None:
        """Ends the call that runs, from any thread; its kernel is killed."""
        self._cancel.set()

    def close(self) -> None:
        """Kills the kernel and removes its files."""
        self._cancel.set()
        with self._busy:
            if self._kernel is not None:
                self._kernel.close()
                self._kernel = None

    def _ready(self) -> Kernel:
        kernel = self._kernel
        if kernel is not None and not kernel.alive:
            kernel.close()
            self._lost = True
            kernel = None
        if kernel is None:
            kernel = Kernel(self._sandbox, self._limits, self._python)
            self._kernel = kernel
        return kernel
