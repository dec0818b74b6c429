"""Options of ``gptoss-metal serve``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])
_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(-?\d+(?:\.\d+)?)(ms|s|m|h|d|)")


class Duration(click.ParamType[float]):
    """Seconds: ``90``, ``90s``, ``5m``, ``1h``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = _DURATION.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no duration such as 90s, 5m or 1h", param, ctx)
        return float(found.group(1)) * _UNITS[found.group(2)]


def engine_options(command: Command) -> Command:
    """--parallel, --queue, --chunk, --cache-memory, --disk-cache, --keep-alive, --max-tokens."""
    for option in (
        click.option(
            "--max-tokens", type=click.IntRange(1), help="The most that a request may generate."
        ),
        click.option(
            "--keep-alive",
            type=Duration(),
            default="-1",
            show_default=True,
            help="How long the model stays loaded without work, e.g. 30m; -1 for ever.",
        ),
        click.option(
            "--disk-cache",
            type=click.FloatRange(0),
            help="Gigabytes of disk for conversations; 0 for none. By default 16, or a tenth "
            "of what is free.",
        ),
        click.option(
            "--cache-memory",
            type=click.FloatRange(0, min_open=True),
            help="Gigabytes for keys and values; by default what the model leaves.",
        ),
        click.option(
            "--chunk",
            type=click.IntRange(1),
            help="The most prompt tokens computed at once; by default 128 on a CPU, where running "
            "answers wait for half of that, and 512 on a GPU.",
        ),
        click.option(
            "--queue",
            type=click.IntRange(0),
            default=64,
            show_default=True,
            help="Requests that may wait; one more is refused.",
        ),
        click.option(
            "--parallel",
            type=click.IntRange(1),
            default=8,
            show_default=True,
            help="Answers computed at the same time.",
        ),
    ):
        command = option(command)
    return command


def intake_options(command: Command) -> Command:
    """--allowed-host, --allowed-origin, --max-body."""
    for option in (
        click.option(
            "--max-body",
            type=click.IntRange(1),
            default=32,
            show_default=True,
            help="Megabytes that a request may have.",
        ),
        click.option(
            "--allowed-origin",
            multiple=True,
            help="Web pages elsewhere that may use it, e.g. https://chat.example; * for all.",
        ),
        click.option(
            "--allowed-host", multiple=True, help="Another name of this server; * for all."
        ),
    ):
        command = option(command)
    return command
