"""Schemas and grammars of callers: enforced, or refused in one sentence that names the keyword."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from gptoss_metal import Error
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.grammar.grammars import Grammars
from gptoss_metal.harmony.grammar.unsupported import UnsupportedSchema
from gptoss_metal.harmony.tools import Tool, read_tools
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.harmony.follow import allowed, refused

STRING = {"type": "string"}
TREE = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    "$ref": "#/$defs/node",
}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = STRING
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def form(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


# schema, an answer that fits, one that does not
ENFORCED: dict[str, tuple[Any, str, str]] = {
    "required": ({"type": "object", "properties": {"a": STRING}, "required": ["a"]}, '{"a":"x"}',
                 "{}"),
    "closed": ({"type": "object", "properties": {"a": STRING}, "additionalProperties": False},
               '{ "a": "x" }', '{"b":"x"}'),
    "enum": ({"enum": ["a", 1, None]}, "null", '"b"'),
    "const": ({"const": {"a": [1, 2]}}, '{"a":[1,2]}', '{"a":[1,3]}'),
    "any of": ({"anyOf": [STRING, {"type": "integer"}]}, "5", "5.5"),
    "one of": ({"oneOf": [STRING, {"type": "null"}]}, "null", "1"),
    "all of": ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, "3", "2"),
    "reference": (TREE, '{"next":{"next":{}}}', '{"next":1}'),
    "pattern": ({"type": "string", "pattern": "^[a-c]{2}$"}, '"ab"', '"ad"'),
    "format": ({"type": "string", "format": "date"}, '"2026-01-31"', '"2026-13-31"'),
    "numbers": ({"type": "integer", "minimum": -3, "maximum": 12}, "-3", "13"),
    "items": ({"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
              "[true, false]", "[]"),
    "pattern properties": ({"type": "object", "patternProperties": {"^a": {"type": "integer"}},
                            "additionalProperties": False}, '{"ab": 1}', '{"b": 1}'),
    "anything": ({}, '[{"a": 1e3}]', "nil"),
    "annotations": ({"type": "integer", "title": "x", "description": "y", "default": 1,
                     "$schema": "https://json-schema.org/draft/2020-12/schema"}, "1", "a"),
    "length": ({"type": "string", "maxLength": 3}, '"abc"', '"abcd"'),
    "deep": (nested(40), '{"a":' * 40 + '"x"' + "}" * 40, '{"a":' * 40 + "{"),
    "500 choices": ({"enum": [f"choice {n}" for n in range(500)]}, '"choice 499"', '"choice 500"'),
    "a client's own options": ({"type": "object", "x-guidance": {"lenient": True},
                                "required": ["a"]}, '{"a":1}', "{}"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENFORCED)
def test_schemas_are_enforced(tokenizer: Vocabulary, grammars: Grammars, name: str) -> None:
    schema, good, bad = ENFORCED[name]
    for answer, fits in ((good, True), (bad, False)):
        stream = f"<|channel|>final<|message|>{answer}<|return|>"
        constraint = grammars.turn(response_format=form(schema))
        assert (refused(tokenizer, constraint, stream) == "") == fits


# schema, the keyword that is named, and where it stands
REFUSED: dict[str, tuple[Any, str, str]] = {
    "not": ({"type": "object", "properties": {"a": {"not": STRING}}}, "not", "/properties/a/not"),
    "unique items": ({"type": "array", "uniqueItems": True}, "uniqueItems", "/uniqueItems"),
    "if": ({"type": "object", "if": {}, "then": {}}, "if", "/if"),
    "a property named not": (
        {"type": "object", "properties": {"not": {"type": "array", "contains": STRING}}},
        "contains", "/properties/not/contains",
    ),
    "look-around": ({"type": "string", "pattern": "(?=a)b"}, "pattern", "/pattern"),
    "unknown format": ({"type": "string", "format": "color"}, "format", "/format"),
    "unknown type": ({"type": "text"}, "type", "/type"),
    "reference to nowhere": ({"$ref": "#/$defs/none"}, "$ref", "/$ref"),
    "reference to a server": ({"$ref": "http://127.0.0.1/x"}, "$ref", "/$ref"),
    "reference to a file": ({"$ref": "file:///etc/passwd"}, "$ref", "/$ref"),
    "overlapping one of": ({"oneOf": [STRING, {"minLength": 2}]}, "oneOf", "/oneOf"),
    "no value at all": ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum", "/minimum"),
    "a list of strings missing": ({"type": "object", "required": "a"}, "required", "/required"),
    "reference to itself": ({"$ref": "#"}, "schema", ""),
    "too deep": (nested(60), "schema", ""),
    "far too deep": (nested(300), "schema", ""),
    "not JSON": ({"const": float("nan")}, "schema", ""),
    "half a character": ({"const": "\ud800"}, "schema", ""),
    "no schema within": ({"type": "object", "properties": {"a": "string"}}, "schema", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_schemas_that_cannot_be_enforced(grammars: Grammars, name: str) -> None:
    schema, keyword, place = REFUSED[name]
    with pytest.raises(UnsupportedSchema, match=r"^\[response_format\] .*Try: ") as caught:
        grammars.turn(response_format=form(schema))
    assert caught.value.keyword == keyword
    assert caught.value.param == "response_format"
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def exploding() -> dict[str, Any]:
    schema: dict[str, Any] = STRING
    for _ in range(12):
        schema = {"anyOf": [nested(1) | {"properties": {key: schema}} for key in "ab"]}
    return schema


HUGE: dict[str, Any] = {
    "choices": {"enum": [f"value {number}" for number in range(100_000)]},
    "properties": {"type": "object", "properties": {f"p{n}": STRING for n in range(2000)}},
    "required": {"type": "object", "required": [f"p{n}" for n in range(3000)]},
    "regex": {"type": "string", "pattern": "^((a{1,100}){1,100}){1,100}$"},
    "slow regex": {"type": "string", "pattern": ".*a.{20}.*b.{20}c"},
    "long string": {"type": "string", "minLength": 1_000_000},
    "long list": {"type": "array", "items": STRING, "minItems": 100_000},
    "words": {"type": "object", "description": "x" * 5_000_000},
    "exploding": exploding(),
    "all of any of": {
        "allOf": [{"anyOf": [{"required": [f"{n}a"]}, {"required": [f"{n}b"]}]} for n in range(16)]
    },
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_schemas_do_not_hang(tokenizer: Vocabulary, grammars: Grammars, name: str) -> None:
    """They are refused in seconds, or enforced for as long as anyone looks."""
    grammars.prepare()
    begun = time.perf_counter()
    try:
        constraint = grammars.turn(response_format=form(HUGE[name]))
    except UnsupportedSchema:
        assert time.perf_counter() - begun < 10
        return
    assert refused(tokenizer, constraint, "<|channel|>final<|message|>") == ""
    rng = random.Random(1)
    for _ in range(12):
        token = int(rng.choice(allowed(constraint)))
        constraint.accept(token)
        assert constraint.failure is None
        if token == t.RETURN:
            break
    assert time.perf_counter() - begun < 20


UNRULY = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": STRING, "uniqueItems": True}},
    "required": ["a"],
}


def call(name: str, arguments: str) -> str:
    return f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{arguments}"


def test_functions_are_enforced_as_far_as_can_be(tokenizer: Vocabulary, grammars: Grammars) -> None:
    """Only strict ones are refused: clients declare all kinds of schemas."""
    loose = Tool("f", "", UNRULY)
    assert refused(tokenizer, grammars.turn(tools=[loose]), call("f", '{"a": ["x"]}<|call|>')) == ""
    assert refused(tokenizer, grammars.turn(tools=[loose]), call("f", '{"a": 1}')) != ""
    hopeless = Tool("f", "", {"type": "object", "properties": {"a": "wrong"}})
    for arguments in ('{"b": 1}<|call|>', "{}<|call|>"):
        assert refused(tokenizer, grammars.turn(tools=[hopeless]), call("f", arguments)) == ""
    assert refused(tokenizer, grammars.turn(tools=[hopeless]), call("f", "[")) != ""
    with pytest.raises(UnsupportedSchema, match="uniqueItems") as caught:
        grammars.turn(tools=[Tool("ok"), Tool("f", "", UNRULY, strict=True)])
    assert (caught.value.keyword, caught.value.param) == ("uniqueItems", "tools[1]")


@pytest.mark.parametrize(
    ("parameters", "good", "bad"),
    [
        (None, "{}<|call|>", '{"a"'),
        ({}, '{"a": 1}<|call|>', "[1"),
        ({"properties": {"a": STRING}}, '{"a": "x"}<|call|>', '"x"'),
        ({"type": "object", "properties": {"a": STRING}}, '{"a": "x", "b": 1}<|call|>', '{"a": 1'),
        ({"anyOf": [{"type": "object"}, {"type": "null"}]}, "null<|call|>", "1"),
    ],
)
def test_arguments_are_objects(
    tokenizer: Vocabulary, grammars: Grammars, parameters: Any, good: str, bad: str
) -> None:
    tools = [Tool("f", "", parameters)]
    assert refused(tokenizer, grammars.turn(tools=tools), call("f", good)) == ""
    assert refused(tokenizer, grammars.turn(tools=tools), call("f", bad)) != ""


def custom(syntax: str, definition: str) -> list[Tool]:
    form = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    return read_tools([{"type": "custom", "custom": {"name": "f", "format": form}}])


PATCH = r"""
start: begin_patch hunk+ end_patch
begin_patch: "*** Begin Patch" LF
end_patch: "*** End Patch" LF?
hunk: add_hunk | delete_hunk
add_hunk: "*** Add File: " filename LF add_line+
delete_hunk: "*** Delete File: " filename LF
filename: /(.+)/
add_line: "+" /(.*)/ LF -> line
%import common.LF
"""


@pytest.mark.parametrize(
    ("syntax", "definition", "good", "bad"),
    [
        ("regex", "[a-z]+/[0-9]", "ab/3", "ab/x"),
        ("regex", 'say "[^"]+"', 'say "x"', "say x"),
        ("lark", 'start: "<" WORD ">"\nWORD: /[a-z]+/  // <|end|> in a comment', "<b>", "<1>"),
        ("lark", 'start: "<|end|>" /<\\|end\\|>/', "<|end|><|end|>", "end"),
        ("lark", PATCH, "*** Begin Patch\n*** Add File: a b\n+x\n+\n*** End Patch", "*** Add"),
    ],
)
def test_custom_grammars(
    tokenizer: Vocabulary, grammars: Grammars, syntax: str, definition: str, good: str, bad: str
) -> None:
    tools = custom(syntax, definition)
    header = tokenizer.encode("<|channel|>commentary to=functions.f code<|message|>", specials=True)
    for body, fits in ((good, True), (bad, False)):
        stream = [*header, *tokenizer.encode(body), t.CALL]
        assert (refused(tokenizer, grammars.turn(tools=tools), stream) == "") == fits


@pytest.mark.parametrize(
    ("syntax", "definition", "what"),
    [
        ("regex", "(", "unclosed group"),
        ("regex", "(?=a)", "look-around"),
        ("lark", "start: nothing", "nothing"),
        ("lark", "begin: /a/", "start"),
        ("lark", "", ""),
        ("lark", "start: /a/ <|end|>", "<|end|>"),
        ("lark", 'start: "a" <[200007]>', "<[200007]>"),
        ("lark", "start: <[*]>", "<[*]>"),
        ("lark", "start: <[^1]> /a/", "<[^1]>"),
        ("lark", "start: @body0", "body0"),
    ],
)
def test_bad_custom_grammars(grammars: Grammars, syntax: str, definition: str, what: str) -> None:
    with pytest.raises(
        UnsupportedSchema, match=r"^\[tools\[0\]\] the \w+ grammar .*Try: "
    ) as caught:
        grammars.turn(tools=custom(syntax, definition))
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.param == "tools[0]"


def test_custom_tools_are_read() -> None:
    flat = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    (responses,) = read_tools([{"type": "custom", "name": "f", "format": flat}])
    assert responses == custom("lark", "start: /a/")[0]
    (text,) = read_tools([{"type": "custom", "name": "f", "format": {"type": "text"}}])
    assert text == Tool("f", freeform=True)
    (strict,) = read_tools([{"type": "function", "function": {"name": "f", "strict": True}}])
    assert strict.strict
    for wrong in ({"type": "grammar"}, "x", {"syntax": "ebnf", "definition": "x"}, {"grammar": 1}):
        with pytest.raises(Error, match=r"^\[tools\] f: the format is no grammar.*Try: "):
            read_tools([{"type": "custom", "name": "f", "format": wrong}])
