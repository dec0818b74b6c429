"""Barriers stand where dispatches conflict and nowhere else; command buffers end in time."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.native import INCLUDES, ROOT

ACCESS = {
    "embed": ["r", "w"],
    "attention_merge": ["r", "w"],
    "mix": ["r", "r", "rw"],
    "expert_sort": ["r", "w", "w"],
    "rope": ["r", "r", "pages w", "w"],
    "attention_prefill": ["r", "r", "pages r", "w"],
}
"""What each buffer is used for; of page tables also what happens to the layer's pages."""


@dataclass(frozen=True)
class Step:
    """One dispatch: its kernel, the layer of its pages, and (buffer, offset, length) of each."""

    kernel: str
    layer: int
    slices: list[tuple[int, int, int]]

    def line(self) -> str:
        slices = " ".join(":".join(map(str, part)) for part in self.slices)
        return f"{self.kernel} {self.layer} {slices}"

    def bytes(self, access: str) -> set[tuple[str, int]]:
        """Each byte that it reads ("r") or writes ("w"); pages count as one byte per layer."""
        touched = set()
        for use, (buffer, offset, length) in zip(ACCESS[self.kernel], self.slices, strict=True):
            pages = use.startswith("pages")
            if (access in use.removeprefix("pages")) and pages:
                touched.add(("pages", self.layer))
            if (pages and access == "r") or (not pages and access in use):
                touched |= {(f"buffer {buffer}", offset + i) for i in range(length)}
        return touched


def conflict(a: Step, b: Step) -> bool:
    """Whether the order of two dispatches matters, byte by byte."""
    return bool(a.bytes("w") & (b.bytes("r") | b.bytes("w")) or a.bytes("r") & b.bytes("w"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = tmp_path_factory.mktemp("plans") / "plans"
    sources = [Path(__file__).parent / "plans.cpp", ROOT / "csrc/metal/plan.cpp",
               ROOT / "csrc/metal/kernel_table.cpp"]  # fmt: skip
    command = ["c++", "-std=c++20", "-O1", *INCLUDES, f"-I{ROOT}", *sources, "-o", result]
    subprocess.run(command, check=True)
    return result


def barriers(program: Path, steps: list[Step]) -> str:
    text = "".join(step.line() + "\n" for step in steps)
    run = subprocess.run(
        [program, "barriers"], input=text, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Step("embed", 0, [(0, 0, 8), (1, 0, 8)]), Step("embed", 0, [(1, 4, 8), (2, 0, 8)]), ".B"),
        (Step("embed", 0, [(0, 0, 8), (1, 0, 8)]), Step("embed", 0, [(1, 8, 8), (2, 0, 8)]), ".."),
        (Step("embed", 0, [(0, 0, 8), (1, 0, 8)]), Step("embed", 0, [(2, 0, 8), (0, 7, 8)]), ".B"),
        (Step("embed", 0, [(0, 0, 8), (1, 0, 8)]), Step("embed", 0, [(2, 0, 8), (1, 0, 1)]), ".B"),
        (Step("embed", 0, [(0, 0, 8), (1, 0, 8)]), Step("embed", 0, [(0, 0, 8), (2, 0, 8)]), ".."),
    ],
    ids=["read after write", "side by side", "write after read", "write after write", "two reads"],
)
def test_each_kind_of_conflict(program: Path, first: Step, second: Step, expected: str) -> None:
    assert barriers(program, [first, second]) == expected


@pytest.mark.parametrize(("layer", "expected"), [(3, ".B"), (4, "..")])
def test_keys_and_values_are_told_apart_by_layer(program: Path, layer: int, expected: str) -> None:
    """A page table names pages: reading what another dispatch writes there needs a barrier."""
    rope = Step("rope", 3, [(0, 0, 8), (1, 0, 8), (9, 0, 8), (2, 0, 8)])
    attention = Step("attention_prefill", layer, [(3, 0, 8), (4, 0, 8), (9, 8, 8), (5, 0, 8)])
    assert barriers(program, [rope, attention]) == expected


def test_random_steps(program: Path) -> None:
    """Compared with a byte-by-byte model that places each barrier as late as it may stand."""
    rng = random.Random(3)
    with_barrier = without = 0
    for _ in range(200):
        steps = []
        for _ in range(12):
            kernel = rng.choice(list(ACCESS))
            slices = [
                (rng.randrange(9), rng.randrange(0, 12, 4), rng.randrange(4, 13, 4))
                for _ in ACCESS[kernel]
            ]
            steps.append(Step(kernel, rng.randrange(2), slices))
        expected = ""
        running: list[Step] = []
        for step in steps:
            barrier = any(conflict(other, step) for other in running)
            running = [step] if barrier else [*running, step]
            expected += "B" if barrier else "."
        assert barriers(program, steps) == expected
        with_barrier += expected.count("B")
        without += expected.count(".")
    assert with_barrier > 400
    assert without > 400


FULL = 0xFFFFFFFF


def attention(count: int, positions: int) -> str:
    """Prefill attention of gpt-oss-20b over a full layer (AttentionArgs)."""
    start = positions - count
    return f"attention_prefill {count} {count} 64 8 {start} {positions} {FULL} 1"


def cuts(program: Path, steps: list[str]) -> tuple[list[int], list[int]]:
    text = "".join(step + "\n" for step in steps)
    run = subprocess.run([program, "cuts"], input=text, capture_output=True, text=True, check=True)
    ends, parts = run.stdout.splitlines()
    return [int(end) for end in ends.split()], [int(rows) for rows in parts.split()]


def test_short_passes_take_two_command_buffers(program: Path) -> None:
    """A decode step: a short first one, and one for the rest."""
    step = "gate_up 1 5760 2880 4 0"
    assert cuts(program, [step] * 170)[0] == [16, 170]
    assert cuts(program, [step] * 5)[0] == [5]


def test_long_passes_are_cut_by_time(program: Path) -> None:
    """Half a second by the estimate, however many steps that is."""
    # 2 * 2048 * 5120 * 2880 operations at 2.6e12 / 8 per second: 0.186 s.
    assert cuts(program, ["matmul 2048 2048 5120 2880 1 0"] * 7)[0] == [2, 4, 6, 7]
    # One step that is too long on its own has a command buffer of its own.
    assert cuts(program, ["matmul 2048 2048 65536 2880 1 0"] * 3)[0] == [1, 2, 3]


@pytest.mark.parametrize(("positions", "rows"), [(4096, 512), (32768, 192), (131072, 64)])
def test_attention_of_long_contexts_comes_in_parts(
    program: Path, positions: int, rows: int
) -> None:
    """In whole query tiles, at least one, so that even at 131072 positions no part is too long."""
    assert cuts(program, [attention(512, positions)])[1] == [rows]
