"""What things cost as they grow: speed, load time and memory, at one point after the other.

    python -m benchmarks.growth [--model FILE | --shape small|layers4|20b] [--only context,batch]

Points of a series are interleaved: each round takes them up, then down. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.build import say
from benchmarks.peers.facts import facts_of_run
from benchmarks.peers.model_file import ModelFile
from gptoss_metal import _core
from gptoss_metal.convert import write_random_model
from gptoss_metal.errors import Error
from gptoss_metal.store import find

from . import costs, loading, memory, report
from .plan import CONTEXTS, GROUPS, MEMORY, SERIES, SHAPES, thread_counts
from .rounds import Round, Row, measure, rows
from .speed import Speed

BANDWIDTH_BYTES: Final = 1 << 30
PerPoint = Callable[[int], float]
PREFILL: Final = 128
"""Tokens, against threads."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", help="a name or a path")
    parser.add_argument("--shape", default="small", choices=list(SHAPES))
    parser.add_argument("--only", default=",".join(GROUPS), help="series, with commas")
    parser.add_argument("--points", help="of one series instead of its own, ascending, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help="tokens decoded per sample")
    parser.add_argument("--folder", type=Path, help="where random weights are written")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--plot", type=Path, help="write PREFIX.png and PREFIX.svg")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := [name for name in options.only if name not in GROUPS]:
        parser.error(f"there is no {unknown[0]}; choose from {', '.join(GROUPS)}")
    options.points = [int(point) for point in options.points.split(",")] if options.points else []
    if options.points and (len(options.only) > 1 or options.only == ["load"]):
        parser.error("--points are of one series, and not of load; say which with --only")
    if options.points != sorted(set(options.points)):
        parser.error("--points must ascend")
    if options.rounds < 1 or options.steps < 1:
        parser.error("--rounds and --steps are at least 1")
    return options


@contextmanager
def model_file(options: argparse.Namespace) -> Iterator[Path]:
    """The file to measure: a given one, or one of random weights that is removed afterwards."""
    if options.model:
        yield find(options.model)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        say(f"writing a file of shape {options.shape}")
        yield write_random_model(Path(folder) / "model.safetensors", SHAPES[options.shape])


class Run:
    """The series of one model file, each measured when it is asked for."""

    def __init__(self, path: Path, options: argparse.Namespace) -> None:
        self._path = path
        self._options = options
        self._config = ModelFile(path).config
        self._speed = Speed(path, options.steps)
        self._weights = self._speed.model.bytes_per_token()
        self.threads = self._speed.model.threads
        self.isa = self._speed.model.isa
        self.rounds: dict[str, list[Round]] = {}
        self.rows: dict[str, list[Row]] = {}

    def speeds(self, group: str) -> None:
        """Measure ``context``, ``batch`` or ``prompt``."""
        known: dict[str, tuple[PerPoint, PerPoint | None]] = {
            "context": (self._speed.decode, self._behind),
            "batch": (self._speed.batch, self._together),
            "prompt": (self._speed.prefill, None),
        }
        seconds, token_bytes = known[group]
        self._take(group, self._options.points or SERIES[group].points, seconds, token_bytes)

    def threads_series(self) -> None:
        """Measure decoding and prefill with thread counts around the one chosen by default."""
        counts = self._options.points or thread_counts(self.threads)
        by_count = {count: Speed(self._path, self._options.steps, count) for count in counts}
        self._take(
            "threads", counts, lambda count: by_count[count].decode(), lambda _: self._weights
        )
        self._take("threads-prefill", counts, lambda count: by_count[count].prefill(PREFILL))

    def load(self) -> None:
        """Measure loading, of files that grow up to this one."""
        with loading.growing_files(self._path, self._options.folder) as files:
            self._take("load", list(files), lambda size: loading.load(files[size]))
            self._take("load-token", list(files), lambda size: loading.load_to_token(files[size]))

    def _take(
        self,
        name: str,
        points: list[int] | tuple[int, ...],
        seconds: PerPoint,
        token_bytes: PerPoint | None = None,
    ) -> None:
        series = SERIES[name]
        say(f"{series.title} by {series.axis}: {', '.join(map(str, points))}")
        found = measure(points, self._options.rounds, seconds, self._bandwidth)
        self.rounds[name] = found
        self.rows[name] = rows(found, series.unit, token_bytes)
        print(report.table(series, self.rows[name], report.bandwidth(found)), end="\n\n")

    def _behind(self, depth: int) -> float:
        return costs.behind(self._config, self._weights, depth)

    def _together(self, size: int) -> float:
        return costs.together(self._config, self._weights, size)

    def _bandwidth(self) -> float:
        return _core.read_bandwidth(self.threads, BANDWIDTH_BYTES)


def memory_series(path: Path, contexts: list[int]) -> list[memory.Memory]:
    """Measure the memory of each context, and print it."""
    say(f"memory by context: {', '.join(map(str, contexts))}")
    found = [memory.of(path, context) for context in contexts]
    print(report.memory_table(found), end="\n\n")
    return found


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    with model_file(options) as path:
        run = Run(path.absolute(), options)
        facts = _facts(options, run)
        of_memory: list[memory.Memory] = []
        for group in options.only:
            if group == "threads":
                run.threads_series()
            elif group == "load":
                run.load()
            elif group == MEMORY:
                of_memory = memory_series(path.absolute(), options.points or list(CONTEXTS))
            else:
                run.speeds(group)
            if options.json:  # after each, so that a run that is cut short leaves what it has
                options.json.write_text(report.as_json(facts, run.rounds, run.rows, of_memory))
    if options.plot:
        name = f"{facts['shape']}, {run.threads} threads, {run.isa}, {facts['processor']}"
        report.plot(run.rows, of_memory, name, options.plot)


def _facts(options: argparse.Namespace, run: Run) -> dict[str, Any]:
    shape = Path(options.model).name if options.model else f"{options.shape} shape, random weights"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return facts_of_run(shape, run.threads) | {
        "isa": run.isa,
        "rounds": options.rounds,
        "steps": options.steps,
        "load_average": load,
    }


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        sys.exit(str(error))
