"""Starts the kernel: sets its limits, gives up every right, and becomes ipykernel.

It is run as a file, in the sandbox: ``start.py CONNECTION --rlimits N N N N [--user ID]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Any

KEPT = 64_000
"""Characters kept of each text that the kernel sends."""


def limit(address_space: int, processes: int, file: int, cpu_seconds: int) -> None:
    """Sets limits that cannot be raised again."""
    wanted = {
        "RLIMIT_AS": address_space,
        "RLIMIT_NPROC": processes,
        "RLIMIT_FSIZE": file,
        "RLIMIT_CPU": cpu_seconds,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    if sys.platform == "darwin":
        del wanted["RLIMIT_AS"]  # not enforced there: memory is watched from outside
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            _, most = resource.getrlimit(kind)
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(kind, (value, value))


def be_first_to_die() -> None:
    """If the machine runs out of memory, it is this process that goes."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except FileNotFoundError:
        return  # macOS


def become(user: int) -> None:
    """Gives up root, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def shortened(value: Any) -> Any:
    """A message's content with long texts cut, and of data only text: so no message is large."""
    if isinstance(value, str):
        return value if len(value) <= KEPT else f"{value[:KEPT]}… ({len(value)} characters)"
    if isinstance(value, dict):
        data = value.get("data")
        if isinstance(data, dict):
            value = {**value, "data": {k: v for k, v in data.items() if k == "text/plain"}}
        return {key: shortened(item) for key, item in list(value.items())[:100]}
    if isinstance(value, list | tuple):
        return [shortened(item) for item in value[:100]]
    return value


def run(connection: str) -> None:
    """Runs the kernel until it is told to end."""
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    app: Any = IPKernelApp.instance(config=config, connection_file=connection)
    app.initialize([])
    pack = app.session.pack
    app.session.pack = lambda message: pack(shortened(message))
    app.start()


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("connection")
    parser.add_argument("--rlimits", type=int, nargs=4, required=True)
    parser.add_argument("--user", type=int)
    given = parser.parse_args(arguments)
    be_first_to_die()
    limit(*given.rlimits)
    if given.user is not None:
        become(given.user)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(given.connection)


if __name__ == "__main__":
    main()
