"""The sandbox on Linux: bubblewrap's namespaces, and a filter of system calls.

The kernel sees a system it can only read, made of ``/usr``, the Python it runs with and a few
files; its own ``/mnt/data``, a home and ``/tmp``; no network, no other process, no device but the
harmless ones.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from gptoss_metal.errors import Error
from gptoss_metal.tools.python.limits import Limits
from gptoss_metal.tools.python.place import CONNECTION, Place
from gptoss_metal.tools.python.processes import threads_of_user
from gptoss_metal.tools.python.sandbox import INSIDE, Launch, environment, hidden, readable
from gptoss_metal.tools.python.seccomp import seccomp_filter

VARIABLE: Final = "GPTOSS_METAL_BWRAP"
OLDEST: Final = (0, 7)  # --size
WORK: Final = "/mnt/data"
SOCKETS: Final = "/run/kernel"
HOME: Final = str(PurePosixPath("/home", "sandbox"))
PROGRAM: Final = "/run/inside"
_SYSTEM: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC: Final = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_NOBODY: Final = 65534


@dataclass(frozen=True)
class Bubblewrap:
    """The program ``bwrap``.

    Attributes:
        program: its path.
    """

    program: str

    @classmethod
    def find(cls) -> Bubblewrap:
        """The one of ``$GPTOSS_METAL_BWRAP``, or of the path.

        Raises:
            Error: there is none, or it is too old.
        """
        program = os.environ.get(VARIABLE) or shutil.which("bwrap")
        if program is None or not os.access(program, os.X_OK):
            raise Error(
                "[python] code runs only in a sandbox, and bubblewrap is missing. Try: install the "
                f"package bubblewrap, or set {VARIABLE} to a bwrap."
            )
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        version = said.stdout.strip().rpartition(" ")[2]
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers < OLDEST:
            raise Error(
                f"[python] {program} is bubblewrap {version or 'of no version'}, which is too old. "
                "Try: 0.7 or newer."
            )
        return cls(program)

    @contextlib.contextmanager
    def launch(self, place: Place, limits: Limits, python: Path) -> Iterator[Launch]:
        """The command line of a kernel; the context holds what it inherits."""
        owner = _owner()
        place.write(SOCKETS, HOME, owner)
        program = [str(python.absolute()), "-I", f"{PROGRAM}/start.py", f"{SOCKETS}/{CONNECTION}"]
        arguments = [
            *("--rlimits", *map(str, _resources(limits))),
            *(("--user", str(owner[0])) if owner[0] != os.getuid() else ()),
        ]
        with tempfile.TemporaryFile() as rules:
            rules.write(seccomp_filter())
            rules.seek(0)
            command = [
                self.program,
                *_namespaces(owner),
                *_files(place, limits, python),
                *("--seccomp", str(rules.fileno())),
                *("--chdir", WORK, "--clearenv"),
                *(
                    part
                    for name, value in environment(HOME, python.absolute()).items()
                    for part in ("--setenv", name, value)
                ),
                "--",
                *program,
                *arguments,
            ]
            yield Launch(command, {}, [rules.fileno()])


def _resources(limits: Limits) -> tuple[int, ...]:
    """In the order of ``inside/start.py``."""
    return (
        limits.address_space,
        limits.processes + _running(),
        limits.file,
        limits.cpu_seconds,
    )


def _running() -> int:
    """Threads this user has, where Linux counts them all: before 5.14."""
    release = tuple(int(part) for part in os.uname().release.split(".")[:2] if part.isdigit())
    if release >= (5, 14) or os.getuid() == 0:
        return 0
    return threads_of_user()


def _owner() -> tuple[int, int]:
    """Whom the kernel runs as: us, or nobody at all if we are root.

    Linux counts no processes of root's, and what belongs to root is best out of reach.
    """
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    ranges = [tuple(map(int, line.split())) for line in _lines("/proc/self/uid_map")]
    if any(count >= 2**31 for _, _, count in ranges):
        unused = 2**30 + secrets.randbelow(2**29)
        return unused, unused
    return _NOBODY, _NOBODY


def _parents(folders: Sequence[Path]) -> list[Path]:
    """The folders above, outermost first."""
    return sorted({parent for folder in folders for parent in folder.parents} - {Path("/")})


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _namespaces(owner: tuple[int, int]) -> list[str]:
    """Root needs no user namespace, but the right to become the owner; others need one."""
    kinds = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    user = ["--unshare-user"]
    if owner[0] != os.getuid():
        user = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    life = ["--die-with-parent", "--new-session", "--hostname", "sandbox"]
    return [*user, *kinds, "--unshare-cgroup-try", *life]


def _files(place: Place, limits: Limits, python: Path) -> list[str]:
    """The file system; what comes later covers what was before."""
    scratch = ("--perms", "1777", "--size", str(limits.scratch), "--tmpfs")
    out = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        path = Path("/") / name
        if path.is_symlink():
            out += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            out += ["--ro-bind", str(path), str(path)]
    out += ["--proc", "/proc", "--dev", "/dev", *scratch, "/dev/shm", "--remount-ro", "/dev"]
    out += [*scratch, "/tmp"]
    folders = readable(python)
    for parent in _parents([*folders, *map(Path, (WORK, SOCKETS, HOME, "/etc/passwd"))]):
        if parent != Path("/tmp"):
            out += ["--perms", "0755", "--dir", str(parent)]
    for path in [*place.etc.iterdir(), *(Path("/etc") / name for name in _ETC)]:
        if path.exists():
            out += ["--ro-bind", str(path), f"/etc/{path.name}"]
    for folder in folders:
        out += ["--ro-bind", str(folder), str(folder)]
    for folder in hidden(folders):
        out += ["--tmpfs", str(folder), "--remount-ro", str(folder)]
    out += [*scratch, HOME, "--bind", str(place.work), WORK, "--bind", str(place.sockets), SOCKETS]
    return [*out, "--ro-bind", str(INSIDE), PROGRAM, "--remount-ro", "/"]
