"""What code in the sandbox may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one kernel and all it starts.

    Attributes:
        seconds: of one call; then it is interrupted.
        grace: seconds after an interrupt until everything is killed.
        memory: bytes that all processes have together; more, and they are killed.
        address_space: bytes of one process; more, and Python raises MemoryError.
        processes: how many processes and threads there may be.
        file: bytes of one file.
        disk: bytes of all files in the work folder; more, and the processes are killed.
        files: how many files the work folder may have.
        scratch: bytes of temporary files, which are kept in memory.
        cpu_seconds: processor time of a process in its whole life.
        output: characters the model reads of one call.
    """

    seconds: float = 120.0
    grace: float = 5.0
    memory: int = 2 << 30
    address_space: int = 4 << 30
    processes: int = 64
    file: int = 256 << 20
    disk: int = 1 << 30
    files: int = 20_000
    scratch: int = 128 << 20
    cpu_seconds: int = 3600
    output: int = 20_000
