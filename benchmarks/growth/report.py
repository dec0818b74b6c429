"""Series as Markdown tables, as JSON, and as a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.summary import Figure

from .memory import Memory
from .plan import SERIES, Series
from .rounds import Round, Row

MB: Final = 1e6
COLUMNS: Final = 4
"""Of panels in the plot."""


def table(series: Series, found: Sequence[Row], read_gbs: Figure) -> str:
    """Return one series as a Markdown table below its heading."""
    heads = [
        series.axis,
        series.unit,
        "min … max",
        f"over {_point(series, found[0].point)}",
        "of the read bandwidth",
    ]
    lines = [
        [
            _point(series, row.point),
            _number(row.value.median),
            f"{_number(row.value.low)} … {_number(row.value.high)}",
            f"{row.ratio.median:.2f}",
            f"{row.read.median:.0%}" if row.read else "",
        ]
        for row in found
    ]
    if all(row.read is None for row in found):
        heads, lines = heads[:-1], [line[:-1] for line in lines]
    beside = f"{read_gbs.median:.1f} GB/s ({read_gbs.low:.1f} … {read_gbs.high:.1f})"
    return f"{series.title} by {series.axis}; read bandwidth beside it {beside}\n\n" + _markdown(
        heads, lines
    )


def memory_table(found: Sequence[Memory]) -> str:
    """Return memory by context as a Markdown table below its heading, in 10^6 bytes."""
    heads = [
        "context",
        "`session_bytes`",
        "`cache_bytes`, full",
        "process beside the file, full",
        "before the session",
    ]
    lines = [
        [
            str(one.context),
            *(f"{size / MB:.1f}" for size in (one.session, one.cache, one.full, one.loaded)),
        ]
        for one in found
    ]
    return "memory by context, MB\n\n" + _markdown(heads, lines)


def bandwidth(rounds: Sequence[Round]) -> Figure:
    """What memory delivered beside a series, 10^9 bytes/s."""
    return Figure.of([read for one in rounds for read in one.read_gbs])


def as_json(
    facts: Mapping[str, Any],
    rounds: Mapping[str, Sequence[Round]],
    found: Mapping[str, Sequence[Row]],
    memory: Sequence[Memory],
) -> str:
    """Return everything: facts of the run, each measured value, and the figures."""
    series = {
        name: {
            "series": asdict(SERIES[name]),
            "rounds": [asdict(one) for one in rounds[name]],
            "figures": [asdict(row) for row in found[name]],
        }
        for name in found
    }
    whole = {**facts, "series": series, "memory": [asdict(one) for one in memory]}
    return json.dumps(whole, indent=1)


def plot(
    found: Mapping[str, Sequence[Row]], memory: Sequence[Memory], heading: str, prefix: Path
) -> list[Path]:
    """Draw a panel per series, medians with their spread; return the PNG and the SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    count = len(found) + bool(memory)
    columns = min(count, COLUMNS)
    lines = -(-count // columns)
    canvas = Canvas(figsize=(3.4 * columns, 3.2 * lines), layout="constrained")
    FigureCanvasAgg(canvas)
    canvas.suptitle(heading, fontsize=8)
    panels = list(canvas.subplots(lines, columns, squeeze=False).flat)
    for panel, (name, rows) in zip(panels, found.items(), strict=False):
        series = SERIES[name]
        values = [row.value for row in rows]
        spread = [[v.median - v.low for v in values], [v.high - v.median for v in values]]
        points = [row.point for row in rows]
        panel.errorbar(points, [v.median for v in values], yerr=spread, marker="o", capsize=3)
        _label(panel, series.title, series.axis, series.unit)
    if memory:
        contexts = [one.context for one in memory]
        panel = panels[len(found)]
        panel.plot(contexts, [one.full / MB for one in memory], marker="o", label="process")
        panel.plot(contexts, [one.cache / MB for one in memory], marker="s", label="cache")
        panel.legend(fontsize=7)
        _label(panel, "memory beside the file", "context", "MB")
    for panel in panels[count:]:
        panel.set_visible(False)
    written = [prefix.with_name(f"{prefix.name}.{kind}") for kind in ("png", "svg")]
    for path in written:
        canvas.savefig(path, dpi=150)
    return written


def _label(panel: Any, title: str, axis: str, unit: str) -> None:
    panel.set_title(f"{title}, {unit}", fontsize=9)
    panel.set_xlabel(axis, fontsize=8)
    panel.set_ylim(0, 1.1 * panel.dataLim.ymax)
    panel.grid(alpha=0.3)


def _point(series: Series, point: int) -> str:
    return f"{point / 1e9:.2f} GB" if series.axis.startswith("bytes") else str(point)


def _number(value: float) -> str:
    """Three digits or more."""
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.4f}"


def _markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = "|" + "--:|" * len(heads)
    return "\n".join([f"| {' | '.join(heads)} |", rule, *(f"| {' | '.join(x)} |" for x in lines)])
