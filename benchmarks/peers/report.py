"""Figures as text for a terminal, as JSON, and as a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .rounds import LOAD, TESTS, Contender, Round
from .summary import Figure, Row, taken_core_cost


def table(found: Sequence[Row]) -> str:
    """Return all rows as aligned text."""
    lines = [
        ["", "", "median", "min … max", "ours/theirs", "of the limit"],
        *(
            [
                title(row.test),
                row.contender,
                f"{row.speed.median:.2f} {unit(row.test)}",
                f"{row.speed.low:.2f} … {row.speed.high:.2f}",
                _ratio(row.ratio),
                ", ".join(f"{part.median:.1%} {name}" for name, part in row.fractions.items()),
            ]
            for row in found
        ),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    for name, cost in taken_core_cost(found).items():
        text.append(f"{name} with one core taken: {cost:.2f} x undisturbed")
    return "\n".join(text)


def legend(contenders: Sequence[Contender]) -> str:
    """Return a line per contender: its version, and what a reader must know of its figures."""
    return "\n".join(
        f"{one.name}: {one.version}" + (f"; {one.note}" if one.note else "") for one in contenders
    )


def _ratio(ratio: Figure | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio.median:.2f} ({ratio.low:.2f} … {ratio.high:.2f})"


def title(test: str) -> str:
    """A test's name for people."""
    return "load to first token" if test == LOAD else TESTS[test].title


def unit(test: str) -> str:
    """What a test's figures are in."""
    return "s" if test == LOAD else "tok/s"


def as_json(
    facts: dict[str, Any],
    contenders: Sequence[Contender],
    rounds: Sequence[Round],
    found: Sequence[Row],
) -> str:
    """Return everything: facts of the run, each measured value, and the figures."""
    who = [
        {"name": one.name, "version": one.version, "note": one.note, "steps": one.steps}
        for one in contenders
    ]
    whole = facts | {
        "contenders": who,
        "rounds": [asdict(one) for one in rounds],
        "figures": [asdict(row) for row in found],
        "taken_core": taken_core_cost(found),
    }
    return json.dumps(whole, indent=1)


def plot(found: Sequence[Row], heading: str, prefix: Path) -> list[Path]:
    """Draw a panel per test, a bar per contender with its spread; return the PNG and the SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    tests = list(dict.fromkeys(row.test for row in found))
    names = list(dict.fromkeys(row.contender for row in found))
    canvas = Canvas(figsize=(2.6 * len(tests), 4), layout="constrained")
    FigureCanvasAgg(canvas)
    canvas.suptitle(heading, fontsize=8)
    panels = canvas.subplots(1, len(tests), squeeze=False)[0]
    for panel, test in zip(panels, tests, strict=True):
        here = [row for row in found if row.test == test]
        at = [names.index(row.contender) for row in here]
        speeds = [row.speed for row in here]
        spread = [[s.median - s.low for s in speeds], [s.high - s.median for s in speeds]]
        bars = panel.bar(
            at,
            [speed.median for speed in speeds],
            yerr=spread,
            capsize=4,
            color=[f"C{place}" for place in at],
        )
        panel.bar_label(bars, labels=[_label(row) for row in here], fontsize=7, padding=2)
        panel.set_title(f"{title(test)}, {unit(test)}", fontsize=9)
        panel.set_xticks(range(len(names)), names, fontsize=8)
        panel.margins(y=0.2)
    written = []
    for kind in ("png", "svg"):
        written.append(prefix.with_name(f"{prefix.name}.{kind}"))
        canvas.savefig(written[-1], dpi=150)
    return written


def _label(row: Row) -> str:
    parts = [f"{part.median:.0%} {name}" for name, part in row.fractions.items()]
    return "\n".join([f"{row.speed.median:.2f}", *parts])
