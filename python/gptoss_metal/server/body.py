"""Request bodies: JSON objects, and their fields with the types they must have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request

from gptoss_metal.harmony.vocabulary import well_formed
from gptoss_metal.server.problem import Problem

DEEPEST: Final = 64
"""Levels of nesting that a body may have."""


async def read_object(request: Request) -> dict[str, Any]:
    """The request's body as a JSON object; all of it can be written out again.

    Lone surrogates, halves of characters that clients cut in two, become U+FFFD.

    Raises:
        Problem: it is no JSON object, or is nested too deeply.
    """
    raw = await request.body()
    try:
        value = _loaded(raw)
    except (ValueError, RecursionError) as problem:
        what = "nested too deeply" if isinstance(problem, RecursionError) else "not JSON"
        raise Problem(f"[serve] the body is {what}. Try: a JSON object.") from None
    if not isinstance(value, dict):
        raise Problem("[serve] the body is not a JSON object. Try: {…}.")
    check_depth(value)
    return value


def _loaded(raw: bytes) -> Any:
    """JSON as a value; raises ValueError for what JSON cannot say: NaN, and infinite numbers."""
    value = json.loads(raw)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    whole = well_formed(text)
    return value if whole == text else json.loads(whole)


def check_depth(value: Any) -> None:
    """Raises Problem if lists and objects are nested more than `DEEPEST` levels."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    raise Problem(
        f"[serve] the body is nested more than {DEEPEST} levels deep. Try: a flatter one."
    )


def _children(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value
    return [item for item in inner if isinstance(item, dict | list)]


class Fields:
    """Fields of a JSON object; null counts as left out.

    Args:
        body: the object.
        where: its place in the request, e.g. ``messages[0].``, for the ``param`` of problems.
    """

    def __init__(self, body: Mapping[str, Any], where: str = "") -> None:
        self.body = body
        self.where = where

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.body.get(name)
        if not isinstance(value, str | None):
            raise self.wrong(name, "a string")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self.body.get(name)
        if not isinstance(value, bool | None):
            raise self.wrong(name, "true or false")
        return default if value is None else value

    def integer(self, name: str, low: int, high: int) -> int | None:
        """A whole number in [low, high]."""
        value = self.body.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(name, f"an integer from {low} to {high}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number in [low, high]."""
        value = self.body.get(name)
        if value is None:
            return None
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not low <= value <= high
        ):
            raise self.wrong(name, f"a number from {low:g} to {high:g}")
        return float(value)

    def choice(self, name: str, options: Sequence[str]) -> str | None:
        """One of some strings."""
        value = self.text(name)
        if value is not None and value not in options:
            raise self.wrong(name, ", ".join(options))
        return value

    def items(self, name: str) -> list[Any]:
        """A list; empty if it is left out."""
        value = self.body.get(name)
        if not isinstance(value, list | None):
            raise self.wrong(name, "a list")
        return value or []

    def object(self, name: str) -> Mapping[str, Any] | None:
        """An object."""
        value = self.body.get(name)
        if not isinstance(value, Mapping | None):
            raise self.wrong(name, "an object")
        return value

    def inner(self, name: str) -> Fields:
        """The fields of an object; none if it is left out."""
        return Fields(self.object(name) or {}, f"{self.where}{name}.")

    def required(self, name: str) -> str:
        """A string that must be there and not be empty."""
        value = self.text(name)
        if not value:
            raise Problem(
                f"[serve] {self.where}{name} is missing. Try: give it.",
                param=f"{self.where}{name}",
                code="missing_required_parameter",
            )
        return value

    def wrong(self, name: str, expected: str) -> Problem:
        """The problem of a field that is not what it must be."""
        place = f"{self.where}{name}"
        value = json.dumps(self.body.get(name), ensure_ascii=False, default=str)
        shown = value if len(value) <= 60 else f"{value[:57]}…"
        code = "invalid_type" if isinstance(self.body.get(name), dict | list) else "invalid_value"
        return Problem(f"[serve] {place} is {shown}. Try: {expected}.", param=place, code=code)
