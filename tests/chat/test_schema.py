"""Schemas without what openai_harmony renders as ``any``."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gptoss_metal.harmony.schema import plain

STRING = {"type": "string"}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "untouched": (
        {"type": "object", "properties": {"a": STRING}, "required": ["a"]},
        {"type": "object", "properties": {"a": STRING}, "required": ["a"]},
    ),
    "reference": (
        {"$defs": {"A": STRING}, "properties": {"a": {"$ref": "#/$defs/A", "description": "x"}}},
        {"properties": {"a": {"type": "string", "description": "x"}}},
    ),
    "reference of a reference": (
        {
            "definitions": {"A": {"$ref": "#/definitions/B"}, "B": STRING},
            "items": {"$ref": "#/definitions/A"},
        },
        {"items": STRING},
    ),
    "reference to nowhere": ({"items": {"$ref": "#/$defs/None"}}, {"items": {}}),
    "property named as the table": (
        {"type": "object", "properties": {"$defs": STRING}},
        {"type": "object", "properties": {"$defs": STRING}},
    ),
    "optional": (
        {"anyOf": [STRING, {"type": "null"}], "default": None},
        {"type": "string", "nullable": True, "default": None},
    ),
    "optional enum": (
        {"type": ["string", "null"], "enum": ["a", None]},
        {"type": "string", "nullable": True, "enum": ["a"]},
    ),
    "optional object": (
        {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"a": STRING}}]},
        {"type": "object", "properties": {"a": STRING}, "nullable": True},
    ),
    "bare types": (
        {"anyOf": [STRING, {"type": "integer"}, {"type": "null"}]},
        {"type": ["string", "integer", "null"]},
    ),
    "other unions": (
        {"anyOf": [STRING, {"type": "object", "properties": {}}]},
        {"oneOf": [STRING, {"type": "object", "properties": {}}]},
    ),
    "single allOf": ({"allOf": [STRING], "title": "A"}, {"type": "string", "title": "A"}),
    "constant": ({"const": "a"}, {"type": "string", "enum": ["a"]}),
    "enum without type": ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
}


@pytest.mark.parametrize("name", CASES)
def test_plain(name: str) -> None:
    given, expected = CASES[name]
    assert plain(given) == expected


def test_recursive_schemas_end() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#/$defs/T"}}}
    schema = {**tree, "$defs": {"T": tree}}
    found = plain(schema)
    assert found["properties"]["left"]["properties"]["left"] == {}
    assert "$ref" not in str(found)


def test_references_that_multiply_end() -> None:
    """Six tables of 30 references each would be 729 million schemas."""
    names = "ABCDEF"
    definitions = {
        name: {
            "type": "object",
            "properties": {f"p{n}": {"$ref": f"#/$defs/{after}"} for n in range(30)},
        }
        for name, after in zip(names, [*names[1:], "G"], strict=True)
    }
    schema = {"$defs": {**definitions, "G": STRING}, "$ref": "#/$defs/A"}
    begun = time.perf_counter()
    found = plain(schema)
    assert time.perf_counter() - begun < 5
    assert found["properties"]["p0"]["properties"]["p0"]["properties"]
    assert "$ref" not in str(found)


def test_the_given_schema_is_not_changed() -> None:
    schema = {"properties": {"a": {"const": "x"}}, "$defs": {}}
    plain(schema)
    assert schema == {"properties": {"a": {"const": "x"}}, "$defs": {}}
