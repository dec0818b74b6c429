"""Ollama's parameters: of a Modelfile, of ``/api/create``, and the ``options`` of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.sampling import Sampling

NAMES: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repeat_penalty": "repetition_penalty",
    "stop": "stop",
}
"""Ollama's names of `Sampling`'s fields."""
_WHOLE: Final = ("top_k", "seed", "num_ctx", "num_predict")
_SMALLEST_TOP_P: Final = 1e-6


@dataclass(frozen=True)
class Parameters:
    """Parameters in our terms.

    Attributes:
        sampling: values of `Sampling`'s fields, of those that were given.
        num_ctx: tokens of prompt and answer together, or None.
        max_tokens: the most to generate, or None for what fits.
        reasoning_effort: ours alone; Ollama has no such parameter. None if it is left out.
        unknown: names that mean nothing here, e.g. of how llama.cpp is to be run.
    """

    sampling: dict[str, Any] = field(default_factory=dict)
    num_ctx: int | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    unknown: tuple[str, ...] = ()


def read_parameters(values: Mapping[str, Any]) -> Parameters:
    """Reads parameters by Ollama's names; null counts as left out.

    Ollama's special values keep their meaning: ``num_predict`` below 1 has no limit, a negative
    ``seed`` is random, ``top_k`` below 1 takes all tokens, ``top_p`` 0 the likeliest one.

    Raises:
        Error: a value of the wrong type, or out of its range.
    """
    given = {name: _number(name, value) for name, value in values.items() if value is not None}
    sampling = {ours: given[name] for name, ours in NAMES.items() if name in given}
    if "top_k" in sampling:
        sampling["top_k"] = max(sampling["top_k"], 0)
    if sampling.get("top_p") == 0:
        sampling["top_p"] = _SMALLEST_TOP_P
    if sampling.get("seed", 0) < 0:
        del sampling["seed"]
    if "stop" in sampling:
        stop = sampling["stop"]
        sampling["stop"] = [stop] if isinstance(stop, str) else stop
    limit = given.get("num_predict", -1)
    ours = ("num_ctx", "num_predict", "reasoning_effort")
    Sampling(**sampling)
    return Parameters(
        sampling,
        given.get("num_ctx"),
        limit if limit > 0 else None,
        given.get("reasoning_effort"),
        tuple(name for name in given if name not in NAMES and name not in ours),
    )


def write_parameters(found: Parameters) -> list[tuple[str, str]]:
    """Names and values as a Modelfile writes them, a line for each stop string."""
    theirs = {ours: name for name, ours in NAMES.items()}
    lines = [(theirs[k], str(v)) for k, v in found.sampling.items() if k in theirs and k != "stop"]
    lines += [("stop", f'"""{stop}"""') for stop in found.sampling.get("stop", ())]
    for name, value in (("num_ctx", found.num_ctx), ("num_predict", found.max_tokens)):
        if value is not None:
            lines.append((name, str(value)))
    return lines


def _number(name: str, value: Any) -> Any:
    if name in _WHOLE:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise Error(f"[parameters] {name} is {value!r}. Try: an integer.")
        if name == "num_ctx" and value < 1:
            raise Error(f"[parameters] num_ctx is {value}. Try: 1 or more.")
    elif name == "stop":
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise Error(f"[parameters] stop is {value!r}. Try: a string, or a list of strings.")
    return value
