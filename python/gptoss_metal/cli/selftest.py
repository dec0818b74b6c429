"""``gptoss-metal selftest``: the Metal backend on this machine, against formulas and the CPU."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from gptoss_metal.selftest import Report
    from gptoss_metal.selftest.case import Row

FAILED = 1
PASTED = 120
"""Columns of the table where there is no terminal: in files and issues."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def selftest(as_json: bool) -> None:
    """Check every Metal kernel and small models on this machine's GPU.

    Exits with 0 if all results are within their bounds, 1 if one is not, 2 without a GPU. The
    report can be pasted into an issue.
    """
    from gptoss_metal.selftest import run

    report = run()
    if as_json:
        click.echo(json.dumps(report.as_dict()))
    else:
        _print(report)
    if not report.ok:
        raise click.exceptions.Exit(FAILED)


def _print(report: Report) -> None:
    from rich.console import Console

    screen = Console(highlight=False, markup=False)
    if not screen.is_terminal:
        screen.width = PASTED
    for name, value in (report.versions | report.device).items():
        if value not in ("", []):
            screen.print(f"{name}: {_words(value)}", soft_wrap=True)
    screen.print(_table(report.rows))
    for row in report.failed:
        where = f"{row.kernel} ({row.case}; {row.setting})"
        screen.print(f"FAILED {where}: {row.note or 'beyond its bound'}", soft_wrap=True)
    for name in report.untested:
        screen.print(f"NOT TESTED {name}")
    good = len(report.rows) - len(report.failed)
    screen.print(f"{good} of {len(report.rows)} within bounds, {report.seconds:.1f} s")


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(rows: list[Row]) -> Table:
    from rich.box import MARKDOWN
    from rich.table import Table

    table = Table(box=MARKDOWN)
    for name in ("kernel", "case", "weights, precision", "max error", "bound", "ok"):
        table.add_column(name, no_wrap=name != "case")
    for row in rows:
        error = "" if row.error is None else f"{row.error:.1e}"
        ok = "yes" if row.ok else "NO"
        table.add_row(row.kernel, row.case, row.setting, error, f"{row.bound:.1e}", ok)
    return table
