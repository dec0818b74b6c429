"""Runs all cases and says what came out."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import gptoss_metal
from gptoss_metal import _core
from gptoss_metal.errors import Error
from gptoss_metal.selftest import attention, dense, experts, models
from gptoss_metal.selftest.case import Case, Row, run_case

Watch = Callable[[Row], None]
PRECISIONS: Final = (("default", False), ("exact", True))


@dataclass(frozen=True)
class Report:
    """What was found: the rows, and on what they were found."""

    versions: dict[str, str]
    device: dict[str, Any]
    rows: list[Row]
    seconds: float

    @property
    def failed(self) -> list[Row]:
        """The rows whose error is beyond its bound."""
        return [row for row in self.rows if not row.ok]

    @property
    def ok(self) -> bool:
        """Whether every kernel of the backend was run and none failed."""
        return not self.failed and not self.untested

    @property
    def untested(self) -> list[str]:
        """Kernels that no row is about."""
        tested = {row.kernel for row in self.rows}
        return [name for name in _core.Launcher.kernels() if name not in tested]

    def as_dict(self) -> dict[str, Any]:
        """The report for ``--json``."""
        return {
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "versions": self.versions,
            "device": self.device,
            "untested": self.untested,
            "rows": [asdict(row) for row in self.rows],
        }


def run(watch: Watch = lambda row: None) -> Report:
    """Runs every kernel and the random models.

    Args:
        watch: is shown each row as soon as it is there.

    Raises:
        Error: there is no Metal device, or the kernels do not compile.
    """
    if "metal" not in _core.backends():
        raise Error(
            "[selftest] this build has no Metal backend. Try: gptoss-metal's macOS wheel on a Mac "
            "with Apple Silicon."
        )
    begun = time.perf_counter()
    device = _core.metal_device()
    rows = []
    for row in _rows():
        watch(row)
        rows.append(row)
    return Report(versions(), device, rows, time.perf_counter() - begun)


def versions() -> dict[str, str]:
    """Of this package, Python and the operating system."""
    return {
        "gptoss-metal": gptoss_metal.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "macos": platform.mac_ver()[0],
    }


def _rows() -> Iterator[Row]:
    for precision, exact in PRECISIONS:
        for q8 in (True, False):
            launcher = _core.Launcher(dense_q8=q8, exact=exact)
            setting = f"{'q8' if q8 else 'bf16'} {precision}"
            for case in _cases(q8, exact):
                yield run_case(launcher, case, setting)
    yield from models.rows()


def _cases(q8: bool, exact: bool) -> Iterator[Case]:
    """What depends on the dense weights' type is run for both, the rest once."""
    yield from dense.dense_cases(q8, exact)
    if q8:
        yield from dense.cases(exact)
        yield from attention.cases(exact)
        yield from experts.cases(exact)
