"""The sandbox on macOS: ``sandbox-exec`` with a profile that denies what it does not name.

Not yet run on hardware. There are no namespaces: the code sees the machine's own paths, and may
start no process of its own, so that nothing can stay behind; its folder is where it starts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gptoss_metal.errors import Error
from gptoss_metal.tools.python.limits import Limits
from gptoss_metal.tools.python.place import CONNECTION, Place
from gptoss_metal.tools.python.sandbox import INSIDE, Launch, environment, hidden, readable

PROGRAM: Final = "/usr/bin/sandbox-exec"
_IN_FOLDER: Final = 'cd "$0" && exec "$@"'
_SYSTEM: Final = (
    "/System",
    "/usr/lib",
    "/usr/share",
    "/Library/Frameworks",
    "/Library/Apple",
    "/private/var/db/timezone",
    "/private/var/db/dyld",
)
_FILES: Final = (
    "/",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/private/etc/localtime",
)


@dataclass(frozen=True)
class Seatbelt:
    """The program ``sandbox-exec``.

    Attributes:
        program: its path.
    """

    program: str = PROGRAM

    @classmethod
    def find(cls) -> Seatbelt:
        """The system's own.

        Raises:
            Error: it is missing.
        """
        if not os.access(PROGRAM, os.X_OK):
            raise Error(
                f"[python] code runs only in a sandbox, and {PROGRAM} is missing. "
                "Try: a macOS that has it."
            )
        return cls()

    @contextlib.contextmanager
    def launch(self, place: Place, limits: Limits, python: Path) -> Iterator[Launch]:
        """The command line of a kernel."""
        home, scratch = place.folder / "home", place.folder / "tmp"
        for folder in (home, scratch):
            folder.mkdir()
        place.write(str(place.sockets), str(home), (os.getuid(), os.getgid()))
        written = (place.work, place.sockets, home, scratch)
        folders = [*readable(python), INSIDE]
        rules = profile(python, folders, hidden(folders), written, place.sockets)
        resources = (limits.address_space, limits.processes, limits.file, limits.cpu_seconds)
        command = [
            *("/bin/sh", "-c", _IN_FOLDER, str(place.work), self.program, "-p", rules),
            *(str(python.absolute()), "-I", str(INSIDE / "start.py")),
            *(str(place.sockets / CONNECTION), "--rlimits", *map(str, resources)),
        ]
        variables = environment(str(home), python.absolute())
        # The kernel watches its parent, for nothing kills it if we are killed.
        yield Launch(
            command, {**variables, "TMPDIR": str(scratch), "JPY_PARENT_PID": str(os.getpid())}
        )


def profile(
    python: Path,
    read: Sequence[Path],
    hidden: Sequence[Path],
    written: Sequence[Path],
    sockets: Path,
) -> str:
    """The rules, in Seatbelt's language; later ones win.

    Args:
        python: what may be started, once.
        read: folders that may be read besides the system's.
        hidden: folders in them that may not.
        written: folders that may be read and written.
        sockets: the folder of the unix sockets that may be bound; nothing else is a network.
    """
    programs = {python.absolute(), Path(os.path.realpath(python))}
    return "\n".join(
        [
            "(version 1)",
            "(deny default)",
            "(allow sysctl-read)",
            "(allow file-read-metadata)",
            "(allow signal (target self))",
            _rule("process-exec", "literal", programs),
            _rule("file-read*", "subpath", [*_SYSTEM, *read, *written]),
            _rule("file-read*", "literal", [*_FILES, *programs]),
            _rule("file-map-executable", "subpath", [*_SYSTEM, *read]),
            _rule("file-write*", "subpath", written),
            _rule("file-write*", "literal", ["/dev/null"]),
            f"(allow network-bind network-inbound (local unix-socket (subpath {_text(sockets)})))",
            f"(allow network-outbound (remote unix-socket (subpath {_text(sockets)})))",
            *(f"(deny file-read* file-write* (subpath {_text(path)}))" for path in hidden),
            "(deny process-fork)",
        ]
    )


def _rule(operation: str, filter_: str, paths: Iterable[str | Path]) -> str:
    filters = " ".join(f"({filter_} {_text(path)})" for path in sorted(map(str, paths)))
    return f"(allow {operation} {filters})"


def _text(path: str | Path) -> str:
    """A path as a string of the language."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
