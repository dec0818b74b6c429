"""One run of one kernel, and how far its result may be from the formula's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gptoss_metal.errors import Error

Array = npt.NDArray[Any]
Float64 = npt.NDArray[np.float64]
Buffer = Array | list[Array]
"""An array, or the pages of a page table."""
View = Callable[[Array], Array]


class Runner(Protocol):
    """What runs kernels: `_core.Launcher`."""

    def run(self, kernel: str, args: bytes, buffers: Mapping[int, Buffer], count: int) -> None:
        """Runs one kernel; arrays that it writes are changed in place."""


@dataclass(frozen=True)
class Case:
    """A kernel, its input, and what must come out of it.

    Attributes:
        kernel: its name.
        name: the shape in words.
        args: the bytes of its argument struct (metal/args.h).
        buffers: by index. Those that are written hold NaN before, or what must be kept.
        count: tokens, for the grouped kernels tiles.
        expected: values of the written buffers after, by index.
        bound: on the error, as a part of the largest expected value; 0 for equality.
        views: what to compare instead of a buffer's own values, by index.
    """

    kernel: str
    name: str
    args: bytes
    buffers: Mapping[int, Buffer]
    count: int
    expected: Mapping[int, Array]
    bound: float
    views: Mapping[int, View] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of the report.

    ``error`` is None where there is no number: the kernel failed, or its result is not finite;
    ``note`` then says so.
    """

    kernel: str
    case: str
    setting: str
    error: float | None
    bound: float
    ok: bool
    note: str = ""


def numbered(*buffers: Buffer) -> dict[int, Buffer]:
    """Buffers by index, from 1 on; 0 is the arguments'."""
    return dict(enumerate(buffers, 1))


def run_case(runner: Runner, case: Case, setting: str) -> Row:
    """Runs a case on copies of its buffers and compares."""
    buffers = {index: _copy(buffer) for index, buffer in case.buffers.items()}
    try:
        runner.run(case.kernel, case.args, buffers, case.count)
    except Error as problem:
        return Row(case.kernel, case.name, setting, None, case.bound, False, str(problem))
    errors = []
    for index, expected in case.expected.items():
        buffer = buffers[index]
        got = np.stack(buffer) if isinstance(buffer, list) else buffer
        view = case.views.get(index)
        errors.append(relative_error(view(got) if view else got, expected))
    return judged(case.kernel, case.name, setting, max(errors), case.bound)


def judged(kernel: str, case: str, setting: str, error: float, bound: float) -> Row:
    """A row for a measured error; an infinite one stands for a result that is not finite."""
    if not np.isfinite(error):
        return Row(kernel, case, setting, None, bound, False, "a result is not finite")
    return Row(kernel, case, setting, error, bound, error <= bound)


def relative_error(got: Array, expected: Array) -> float:
    """The largest difference as a part of the largest expected value; infinite beside NaN."""
    if got.shape != expected.shape:
        return float("inf")
    difference = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    if difference.size == 0 or not difference.any():
        return 0.0
    if not np.isfinite(difference).all():
        return float("inf")
    scale = float(np.abs(expected.astype(np.float64)).max())
    return float(difference.max()) / (scale or 1.0)


def _copy(buffer: Buffer) -> Buffer:
    return [page.copy() for page in buffer] if isinstance(buffer, list) else buffer.copy()
