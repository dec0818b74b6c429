"""What an attempt is, what it may take, and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gptoss_metal.tools.python.limits import Limits
from tests.tools.python.world import SECRET, World

SMALL = Limits(
    seconds=4,
    grace=1,
    memory=300 << 20,
    address_space=900 << 20,
    file=8 << 20,
    disk=32 << 20,
    scratch=16 << 20,
    files=500,
    processes=40,
)

PRELUDE = """
import ctypes, errno, glob, os, signal, socket, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def loot(text):
    with open("loot", "a") as file: file.write(f"{text}\\n")
def attempt(work):
    try: return work()
    except BaseException as problem: print(type(problem).__name__, problem)
"""


@dataclass(frozen=True)
class Seen:
    """What is seen after an attack, and while it ran.

    Attributes:
        world: outside.
        work: the kernel's work folder on this side.
        loot: what the attack found.
        output: what the model reads.
        processes: the most that ran at a time.
        memory: the most bytes they had.
        before: the world's folder before.
    """

    world: World
    work: Path
    loot: str
    output: str
    processes: int
    memory: int
    before: dict[str, object]


@dataclass(frozen=True)
class Attack:
    """One attempt.

    Attributes:
        name: of the test.
        code: what runs inside, behind the prelude.
        breached: whether it got out.
        planted: whether it does get out, harmlessly, when nothing is around the kernel.
        survives: whether the kernel must live on; else it may be killed.
    """

    name: str
    code: str
    breached: Callable[[Seen], bool]
    planted: bool = False
    survives: bool = True


def talks(kind: str) -> Callable[[Seen], bool]:
    """A breach: the listener of that kind hears something."""
    return lambda seen: kind in seen.world.heard()


def has_secret(seen: Seen) -> bool:
    """Whether the attack read the secret."""
    return SECRET in seen.loot or SECRET in seen.output


def succeeds(seen: Seen) -> bool:
    """Whether the attack says that it got what it wanted."""
    return "done" in seen.loot
