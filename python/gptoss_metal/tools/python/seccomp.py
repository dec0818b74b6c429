"""The system calls that code in the sandbox may not make, as a filter for Linux.

The namespaces already keep it in; the filter takes away what could lead out of them if the kernel
has a fault, and memory that no limit sees. Numbers: Linux's system call tables.
"""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass
from typing import Final

from gptoss_metal.errors import Error

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERROR: Final = 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

# Offsets in struct seccomp_data; arguments are 64 bits wide, little-endian: the low half suffices.
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24

_NEW_NAMESPACES: Final = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, …
# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (zmq lists interfaces): not AF_VSOCK, which no network
# namespace holds.
_FAMILIES: Final = (1, 2, 10, 16)
_PUSH_INPUT: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_X32: Final = 0x40000000

_EVERYWHERE: Final = (
    *(425, 426, 427),  # io_uring
    *(428, 429, 430, 431, 432, 433, 442),  # open_tree, move_mount, fsopen … mount_setattr
    *(438, 440, 447),  # pidfd_getfd, process_madvise, memfd_secret
)


@dataclass(frozen=True)
class _Calls:
    """The numbers of one architecture."""

    audit: int
    clone: int
    socket: int
    ioctl: int
    denied: tuple[int, ...]


_CALLS: Final = {
    "x86_64": _Calls(
        audit=0xC000003E,
        clone=56,
        socket=41,
        ioctl=16,
        denied=(
            *(101, 310, 311, 312, 298),  # ptrace, process_vm_*, kcmp, perf_event_open
            *(165, 166, 155, 161, 272, 308),  # mount, umount2, pivot_root, chroot, unshare, setns
            *(248, 249, 250),  # add_key, request_key, keyctl
            *(321, 323, 300),  # bpf, userfaultfd, fanotify_init
            *(303, 304),  # name_to_handle_at, open_by_handle_at
            *(246, 320, 175, 313, 176),  # kexec_*, *_module
            *(319, 29, 68, 240),  # memfd_create, shmget, msgget, mq_open
            *(167, 168, 169, 163, 179, 103),  # swap*, reboot, acct, quotactl, syslog
            *(164, 227, 170, 171, 172, 173, 154),  # clocks, names, ports, modify_ldt
        ),
    ),
    "aarch64": _Calls(
        audit=0xC00000B7,
        clone=220,
        socket=198,
        ioctl=29,
        denied=(
            *(117, 270, 271, 272, 241),
            *(40, 39, 41, 51, 97, 268),
            *(217, 218, 219),
            *(280, 282, 262),
            *(264, 265),
            *(104, 294, 105, 273, 106),
            *(279, 194, 186, 180),
            *(224, 225, 142, 89, 60, 116),
            *(170, 112, 161, 162),
        ),
    ),
}
_CLONE3: Final = 435


def seccomp_filter(machine: str | None = None) -> bytes:
    """The filter, as ``struct sock_filter`` instructions.

    Args:
        machine: ``x86_64`` or ``aarch64``; this machine's if None.

    Raises:
        Error: the machine is another one.
    """
    machine = platform.machine() if machine is None else machine
    calls = _CALLS.get(machine)
    if calls is None:
        raise Error(
            f"[python] there is no sandbox for {machine}. Try: a machine with x86_64 or aarch64."
        )
    refuse = _ERROR | _EPERM
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, calls.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, refuse),
        (_EQUAL, 0, 1, _CLONE3),  # its flags lie in memory: libraries fall back to clone
        (_RETURN, 0, 0, _ERROR | _ENOSYS),
    ]
    for number in (*calls.denied, *_EVERYWHERE):
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    program += [
        (_EQUAL, 0, 3, calls.clone),
        (_LOAD, 0, 0, _FIRST),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, refuse),
        (_LOAD, 0, 0, _NUMBER),
    ]
    return _packed(program + _arguments(calls))


def _arguments(calls: _Calls) -> list[tuple[int, int, int, int]]:
    """Refuses by argument: sockets of other families, and input pushed into a terminal."""
    families = [(_EQUAL, len(_FAMILIES) - i, 0, family) for i, family in enumerate(_FAMILIES)]
    pushes = [(_EQUAL, len(_PUSH_INPUT) - i, 0, request) for i, request in enumerate(_PUSH_INPUT)]
    return [
        (_EQUAL, 0, len(families) + 3, calls.socket),
        (_LOAD, 0, 0, _FIRST),
        *families,
        (_RETURN, 0, 0, _ERROR | _EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, len(pushes) + 3, calls.ioctl),
        (_LOAD, 0, 0, _SECOND),
        *pushes,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _packed(program: list[tuple[int, int, int, int]]) -> bytes:
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
