"""The measurement itself: every contender in turn, forwards and backwards, round by round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .build import say
from .limits import Limits
from .process import Worker, taken_core, warm

TOUCH: Final = "prefill 128"
"""Untimed, first thing in each process: nearly every expert is met by one of 128 tokens."""
DEPTH: Final = 4096


@dataclass(frozen=True)
class Test:
    """One thing that is measured in every process.

    Attributes:
        title: for people.
        tokens: prefilled in one go, or 0 where tokens are decoded one by one.
        depth: of the cache while decoding.
        taken: whether another process has one core meanwhile.
    """

    title: str
    tokens: int = 0
    depth: int = 0
    taken: bool = False


TESTS: Final[dict[str, Test]] = {
    "decode": Test("decode"),
    f"decode{DEPTH}": Test(f"decode at depth {DEPTH}", depth=DEPTH),
    "busy": Test("decode, one core taken", taken=True),
    "prefill128": Test("prefill 128", tokens=128),
    "prefill512": Test("prefill 512", tokens=512),
}
"""Each gives tokens per second."""
LOAD: Final = "load"
"""Seconds from starting the process to its first token; the file is in the page cache."""
NAMES: Final = (*TESTS, LOAD)


@dataclass(frozen=True)
class Contender:
    """One program that is measured.

    Attributes:
        name: for people.
        version: likewise.
        command: starts its worker.
        file: its weights, or None if it makes them up in memory (then it has no loading time).
        tests: the names of those it takes.
        steps: tokens to decode per test.
        rounds: it takes part in so many; None for all.
        note: what a reader of its figures must know.
    """

    name: str
    version: str
    command: tuple[str, ...]
    file: Path | None
    tests: tuple[str, ...] = NAMES
    steps: int = 32
    rounds: int | None = None
    note: str = ""


@dataclass
class Round:
    """What one round gave: test name → tokens/s (`load`: seconds), per contender."""

    order: list[str]
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    limits: dict[str, Limits] = field(default_factory=dict)


def order(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """Return those of round ``number`` (from 0): forwards in even rounds, backwards in odd ones.

    So two rounds of A and B are A B B A, and a machine that drifts drifts for both.
    """
    here = [one for one in contenders if one.rounds is None or number < one.rounds]
    return here[::-1] if number % 2 else here


def measure(
    contenders: Sequence[Contender],
    tests: Sequence[str],
    rounds: int,
    limits: Callable[[], Limits],
) -> list[Round]:
    """Measure ``rounds`` rounds; the machine's limits are taken before each process.

    Raises:
        Error: a process ended early.
    """
    found = []
    for number in range(rounds):
        members = order(contenders, number)
        one = Round([member.name for member in members])
        for member in members:
            one.limits[member.name] = limits()
            say(f"round {number + 1} of {rounds}: {member.name}, {_shown(one.limits[member.name])}")
            one.values[member.name] = process(member, tests)
        found.append(one)
    return found


def process(contender: Contender, tests: Sequence[str]) -> dict[str, float]:
    """Measure one process of one contender: its loading time, and each test after a warm-up.

    Raises:
        Error: the process ended early.
    """
    values = {}
    if contender.file:
        warm(contender.file)
    with Worker(contender.command) as worker:
        if LOAD in tests and contender.file:
            values[LOAD] = worker.started
            say(f"  {LOAD}: {worker.started:.2f} s")
        chosen = [name for name in TESTS if name in tests and name in contender.tests]
        if chosen and contender.file:
            worker.seconds(TOUCH)
        for name in chosen:
            values[name] = _rate(worker, TESTS[name], contender.steps)
            say(f"  {TESTS[name].title}: {values[name]:.2f} tok/s")
    return values


def prepare(contender: Contender) -> None:
    """Have a contender compute and keep what a deep cache holds, so that no round has to.

    Raises:
        Error: the process ended early.
    """
    deep = [test.depth for name, test in TESTS.items() if test.depth and name in contender.tests]
    if not deep:
        return
    with Worker(contender.command) as worker:
        for depth in deep:
            say(f"{contender.name}: a cache of {depth} tokens")
            worker.seconds(f"decode {depth} 1")


def _rate(worker: Worker, test: Test, steps: int) -> float:
    if test.tokens:
        return test.tokens / worker.seconds(f"prefill {test.tokens}")
    if test.taken:
        steps = max(1, steps // 2)  # this may take four times as long
    with taken_core() if test.taken else nullcontext():
        return steps / worker.seconds(f"decode {test.depth} {steps}")


def _shown(limits: Limits) -> str:
    return (
        f"limits {limits.read_gbs:.1f} GB/s, {limits.float32_gflops:.0f} GFLOP/s, "
        f"{limits.int8_gops:.0f} int8 GOP/s"
    )
