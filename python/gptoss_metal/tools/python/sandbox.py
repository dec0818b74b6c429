"""What a sandbox is, and which one this machine has."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from gptoss_metal.errors import Error
from gptoss_metal.store import home
from gptoss_metal.tools.python.limits import Limits
from gptoss_metal.tools.python.place import Place

INSIDE: Final = Path(__file__).parent / "inside"
"""The files that run in the sandbox."""

MODULES: Final = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"


@dataclass(frozen=True)
class Launch:
    """How to start a program in a sandbox.

    Attributes:
        command: the whole command line.
        environment: all of the program's environment.
        descriptors: that it inherits besides stdin, stdout and stderr.
    """

    command: Sequence[str]
    environment: dict[str, str]
    descriptors: Sequence[int] = field(default=())


class Sandbox(Protocol):
    """A way to run a kernel so that it can reach nothing but its own folder."""

    def launch(self, place: Place, limits: Limits, python: Path) -> AbstractContextManager[Launch]:
        """Prepares a kernel in its place.

        Args:
            place: its folder, in which its files are written.
            limits: what it may use.
            python: the interpreter to run it with.

        Raises:
            Error: the sandbox cannot be had on this machine.
        """


def find_sandbox() -> Sandbox:
    """This machine's sandbox. Code is never run without one.

    Raises:
        Error: there is none.
    """
    if sys.platform == "darwin":
        from gptoss_metal.tools.python.seatbelt import Seatbelt

        return Seatbelt.find()
    from gptoss_metal.tools.python.bubblewrap import Bubblewrap

    return Bubblewrap.find()


def environment(home: str, python: Path) -> dict[str, str]:
    """The environment of a kernel: nothing of ours."""
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
        **dict.fromkeys(MODULES, "4"),
    }


def readable(python: Path) -> list[Path]:
    """The folders an interpreter needs besides ``/usr``, outermost first.

    Raises:
        Error: one of them is the user's home, or holds it.
    """
    found = {python.absolute().parents[1], Path(os.path.realpath(python)).parents[1]}
    if python.absolute() == Path(sys.executable).absolute():
        found |= {Path(sys.prefix), Path(sys.base_prefix)}
    folders = sorted(path for path in found if path.parts[:2] != ("/", "usr"))
    for folder in folders:
        if Path.home().is_relative_to(folder):
            raise Error(
                f"[python] the sandbox would have to show {folder} to its Python. "
                "Try: a virtual environment in a folder of its own."
            )
    return folders


def hidden(folders: Sequence[Path]) -> list[Path]:
    """What must not be seen of readable folders: the model store, if it lies in one."""
    store = home().absolute()
    return [store] if any(store.is_relative_to(f) for f in folders) and store.is_dir() else []
