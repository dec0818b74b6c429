"""How the next token is chosen."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from gptoss_metal import _core
from gptoss_metal.errors import Error

MOST_LOGPROBS = 20


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters; the defaults sample from the model's own distribution.

    Attributes:
        temperature: ≥ 0; 0 always takes the likeliest token.
        top_p: in (0, 1]; the likeliest tokens that together have this probability.
        top_k: ≥ 0; the so many likeliest tokens; 0 for all.
        min_p: in [0, 1]; tokens at least this likely relative to the likeliest.
        seed: any integer; the same seed gives the same tokens. None for a random one.
        presence_penalty: in [-2, 2]; subtracted from logits of tokens generated before.
        frequency_penalty: in [-2, 2]; the same, times how often.
        repetition_penalty: > 0; divides the positive, multiplies the negative of those logits.
        logit_bias: token id → number added to its logit.
        stop: strings that end the answer and are not part of it; in `Model.chat` they are looked
            for in the final channel only.
        logprobs: None, or how many alternatives (0 to 20) each token reports.

    Raises:
        Error: a value is out of its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    stop: str | tuple[str, ...] | list[str] = ()
    logprobs: int | None = None

    def __post_init__(self) -> None:
        """Checks every value; makes `stop` a tuple."""
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        object.__setattr__(self, "stop", stops)
        self._check_number("temperature", 0, math.inf)
        self._check_number("top_p", 0, 1)
        self._check_number("min_p", 0, 1)
        self._check_number("presence_penalty", -2, 2)
        self._check_number("frequency_penalty", -2, 2)
        self._check_number("repetition_penalty", 0, math.inf)
        self._check_integer("top_k", 0, 2**31 - 1)
        if self.top_p == 0:
            raise _wrong("top_p", self.top_p, "a number above 0, up to 1")
        if self.repetition_penalty == 0:
            raise _wrong("repetition_penalty", self.repetition_penalty, "a number above 0")
        if self.seed is not None and not _is_integer(self.seed):
            raise _wrong("seed", self.seed, "an integer")
        if self.logprobs is not None:
            self._check_integer("logprobs", 0, MOST_LOGPROBS)
        if not all(isinstance(stop, str) and stop for stop in stops):
            raise _wrong("stop", self.stop, "strings that are not empty")
        for token, bias in self.logit_bias.items():
            if not _is_integer(token) or not _is_number(bias):
                raise _wrong("logit_bias", {token: bias}, "token ids mapped to finite numbers")

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    def sampler(self, vocab: int) -> _core.Sampler:
        """A sampler for one generation.

        Args:
            vocab: number of logits.

        Raises:
            Error: `logit_bias` names a token the model does not have.
        """
        for token in self.logit_bias:
            if not 0 <= token < vocab:
                raise _wrong("logit_bias", {token: self.logit_bias[token]}, f"ids below {vocab}")
        seed = secrets.randbits(63) if self.seed is None else self.seed % 2**64
        return _core.Sampler(
            vocab,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            seed=seed,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            repetition_penalty=self.repetition_penalty,
            logit_bias=dict(self.logit_bias),
        )

    def _check_number(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not _is_number(value) or not low <= value <= high:
            bound = f"from {low} to {high}" if math.isfinite(high) else f"of at least {low}"
            raise _wrong(name, value, f"a number {bound}")

    def _check_integer(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not _is_integer(value) or not low <= value <= high:
            raise _wrong(name, value, f"an integer from {low} to {high}")


def _is_number(value: object) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and math.isfinite(float(str(value)))


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(name: str, value: object, expected: str) -> Error:
    return Error(f"[sampling] {name} is {value!r}. Try: {expected}.")
