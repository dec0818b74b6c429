"""A request's settings: options, think, format, keep_alive and logprobs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.parameters import read_parameters
from gptoss_metal.sampling import Sampling
from gptoss_metal.server.body import Fields
from gptoss_metal.server.logprobs import read_logprobs
from gptoss_metal.server.problem import Problem

EFFORTS: Final = {"low": "low", "medium": "medium", "high": "high", "max": "high"}
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
FOREVER: Final = -1.0


@dataclass(frozen=True)
class Settings:
    """What a request says beside its conversation.

    Attributes:
        sampling: how tokens are chosen.
        given: the fields of it that the request sets.
        context: ``num_ctx``, or None.
        max_tokens: ``num_predict``, or None for what fits.
        effort: of reasoning; None for the model's default.
        thinking: whether the client wants to see the reasoning.
        response_format: Chat Completions' form of ``format``, or None.
        keep_alive: seconds, negative for ever, or None for the server's setting.
    """

    sampling: Sampling
    given: frozenset[str]
    context: int | None
    max_tokens: int | None
    effort: str | None
    thinking: bool
    response_format: Mapping[str, Any] | None
    keep_alive: float | None


def read_settings(fields: Fields) -> Settings:
    """Reads them.

    Raises:
        Problem: a value that cannot be.
    """
    try:
        options = read_parameters(fields.object("options") or {})
        logprobs = read_logprobs(fields)
        sampling = Sampling(**options.sampling, logprobs=logprobs)
    except Problem:
        raise
    except Error as problem:
        raise Problem(str(problem), param="options") from None
    effort, thinking = read_think(fields)
    return Settings(
        sampling,
        frozenset(options.sampling),
        options.num_ctx,
        options.max_tokens,
        effort,
        thinking,
        read_format(fields),
        read_keep_alive(fields),
    )


def read_think(fields: Fields) -> tuple[str | None, bool]:
    """The effort of reasoning, and whether the client wants to see it.

    gpt-oss always reasons: true means its default, medium unless an alias says otherwise, and false
    as little as it can, unseen.

    Raises:
        Problem: neither a boolean nor a level.
    """
    think = fields.body.get("think")
    if think is None:
        return None, True
    if isinstance(think, bool):
        return (None, True) if think else ("low", False)
    if isinstance(think, str) and think.lower() in EFFORTS:
        return EFFORTS[think.lower()], True
    raise fields.wrong("think", "true, false, low, medium, high or max")


def read_format(fields: Fields) -> Mapping[str, Any] | None:
    """``format`` as Chat Completions' ``response_format``.

    Raises:
        Problem: neither ``json`` nor a schema.
    """
    given = fields.body.get("format")
    if given is None or given == "":
        return None
    if given == "json":
        return {"type": "json_object"}
    if isinstance(given, Mapping):
        return {"type": "json_schema", "json_schema": {"name": "response", "schema": given}}
    raise fields.wrong("format", '"json", or a JSON schema')


def read_keep_alive(fields: Fields) -> float | None:
    """``keep_alive`` in seconds: a number, ``"300"``, or a duration such as ``"1h30m"``.

    Returns:
        Seconds, `FOREVER` for anything negative, or None if it is left out.

    Raises:
        Problem: no duration.
    """
    given = fields.body.get("keep_alive")
    if given is None:
        return None
    seconds: float | None = None
    if isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    elif isinstance(given, str):
        seconds = duration(given)
    if seconds is None or seconds != seconds:
        raise fields.wrong("keep_alive", 'seconds, or a duration such as "5m"; -1 for ever')
    return seconds if seconds >= 0 else FOREVER


def duration(text: str) -> float | None:
    """Seconds of ``5m``, ``1h30m``, ``-1`` or ``10``; None if it is no duration."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    sign = -1.0 if text.startswith("-") else 1.0
    bare = text.lstrip("+-")
    parts = _PART.findall(bare)
    if not parts or "".join(number + unit for number, unit in parts) != bare:
        return None
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)
