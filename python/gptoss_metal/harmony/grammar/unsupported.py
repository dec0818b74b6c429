"""What a grammar cannot enforce, in one sentence that names the keyword."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gptoss_metal.errors import Error

_KEYS: Final = re.compile(r'Unimplemented keys: \["([^"]+)"')
_SIGNS: Final = (
    ("Unknown format", "format"),
    ("regex parse error", "pattern"),
    ("regular expression", "pattern"),
    ("Pointer ", "$ref"),
    ("Resource ", "$ref"),
    ("Invalid type", "type"),
    ("patternProperties", "patternProperties"),
    ("oneOf", "oneOf"),
    ("allOf", "allOf"),
    ("anyOf is empty", "enum"),
    ("minimum", "minimum"),
    ("multipleOf", "multipleOf"),
    ("minItems", "minItems"),
    ("minLength", "minLength"),
    ("minProperties", "minProperties"),
    ("required", "required"),
    ("properties", "properties"),
    ("items", "items"),
)
_MAPS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


class UnsupportedSchema(Error):
    """A schema or grammar of the caller's that cannot be enforced.

    Attributes:
        keyword: of the schema, e.g. ``not``; what is wrong with a grammar.
        param: where it was given: ``response_format``, ``tools[2]``.
    """

    def __init__(self, what: str, keyword: str, param: str, remedy: str) -> None:
        super().__init__(f"[{param}] {what}. Try: {remedy}.")
        self.keyword = keyword
        self.param = param


def schema_refused(problem: str, schema: Mapping[str, Any], param: str) -> UnsupportedSchema:
    """The error for a schema.

    Args:
        problem: llguidance's words.
        schema: that was refused.
        param: where it was given.
    """
    found = _KEYS.search(problem)
    keyword = found.group(1) if found else _keyword(problem)
    if not keyword:
        what = f"the schema cannot be enforced: {_sentence(problem)}"
        return UnsupportedSchema(what, "schema", param, "a simpler or smaller schema")
    place = next(iter(_places(schema, keyword, "")), "")
    at = f" at {place}" if place else ""
    why = "" if found else f" ({_sentence(problem)})"
    what = f"the schema's {keyword!r}{at} cannot be enforced{why}"
    return UnsupportedSchema(what, keyword, param, f"the schema without that {keyword!r}")


def grammar_refused(problem: str, syntax: str, param: str) -> UnsupportedSchema:
    """The error for a custom tool's grammar."""
    what = f"the {syntax} grammar cannot be used: {_sentence(problem)}"
    return UnsupportedSchema(what, syntax, param, "a grammar that llguidance reads")


def _keyword(problem: str) -> str:
    return next((keyword for sign, keyword in _SIGNS if sign in problem), "")


def _sentence(problem: str) -> str:
    """The telling line of a message, without its drawing of the place."""
    lines = [line.strip() for line in problem.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")]
    text = (errors or lines or ["it is too complex"])[0].removeprefix("error:").strip()
    return text[:160].rstrip(".")


def _places(node: Any, keyword: str, path: str) -> Iterator[str]:
    """JSON pointers of the schemas that use a keyword, at most 64 levels deep."""
    if path.count("/") > 64:
        return
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _places(item, keyword, f"{path}/{number}")
    if not isinstance(node, Mapping):
        return
    if keyword in node:
        yield f"{path}/{keyword}"
    for key, value in node.items():
        if key in _MAPS and isinstance(value, Mapping):
            for name, item in value.items():
                yield from _places(item, keyword, f"{path}/{key}/{name}")
        elif key not in ("enum", "const", "default", "examples"):
            yield from _places(value, keyword, f"{path}/{key}")
