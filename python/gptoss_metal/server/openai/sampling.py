"""Sampling parameters and limits as OpenAI's APIs name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gptoss_metal.sampling import Sampling
from gptoss_metal.server.body import Fields

MOST_STOPS: Final = 4
MOST_CHOICES: Final = 16
MOST_TOKENS: Final = 2**31 - 1
_SEED: Final = 2**63


def read_sampling(fields: Fields, logprobs: int | None) -> Sampling:
    """How tokens are chosen.

    Besides OpenAI's, ``top_k``, ``min_p`` and ``repetition_penalty`` are understood.

    Args:
        fields: of the request.
        logprobs: alternatives each token reports, or None.

    Raises:
        Problem: a value that cannot be; its `param` names it.
    """
    top_p = fields.number("top_p", 0, 1)
    top_k = fields.integer("top_k", 0, 2**31 - 1)
    if top_p == 0:  # no probability at all is left to any but the likeliest
        top_p, top_k = 1.0, 1
    values: dict[str, Any] = {
        "temperature": _or(fields.number("temperature", 0, 100), 1.0),
        "top_p": _or(top_p, 1.0),
        "top_k": top_k or 0,
        "min_p": fields.number("min_p", 0, 1) or 0.0,
        "seed": fields.integer("seed", -_SEED, _SEED),
        "presence_penalty": fields.number("presence_penalty", -2, 2) or 0.0,
        "frequency_penalty": fields.number("frequency_penalty", -2, 2) or 0.0,
        "repetition_penalty": _or(fields.number("repetition_penalty", 1e-3, 100), 1.0),
        "logit_bias": _logit_bias(fields),
        "stop": read_stops(fields),
        "logprobs": logprobs,
    }
    return Sampling(**values)


def given(fields: Fields) -> frozenset[str]:
    """The fields of `Sampling` that the request sets, whatever its alias says."""
    names = {name for name in Sampling.__dataclass_fields__ if fields.body.get(name) is not None}
    return frozenset(names)


def read_stops(fields: Fields) -> tuple[str, ...]:
    """``stop``: a string, or up to four."""
    value = fields.body.get("stop")
    stops = [value] if isinstance(value, str) else value or []
    known = isinstance(stops, list) and all(isinstance(stop, str) and stop for stop in stops)
    if not known or len(stops) > MOST_STOPS:
        raise fields.wrong("stop", f"a string or up to {MOST_STOPS}, none empty")
    return tuple(stops)


def choice_sampling(sampling: Sampling, index: int) -> Sampling:
    """The sampling of one of several choices: a seed gives each its own."""
    if sampling.seed is None or index == 0:
        return sampling
    return replace(sampling, seed=sampling.seed + index)


def _logit_bias(fields: Fields) -> Mapping[int, float]:
    bias = {}
    for token, value in (fields.object("logit_bias") or {}).items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not token.isascii() or not token.isdigit() or not number or not -100 <= value <= 100:
            raise fields.wrong("logit_bias", "token ids mapped to numbers from -100 to 100")
        bias[int(token)] = float(value)
    return bias


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
