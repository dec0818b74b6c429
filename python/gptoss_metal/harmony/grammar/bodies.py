"""What may stand in a message's body: JSON by a schema, text by a grammar, or any text.

Each body is one entry of llguidance's list of grammars. It is checked when it is made, with a
vocabulary of single bytes, so that a schema is refused before anything is computed.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import llguidance

from gptoss_metal.errors import Error
from gptoss_metal.harmony.grammar.tokenizer import small_tokenizer
from gptoss_metal.harmony.grammar.unsupported import grammar_refused, schema_refused
from gptoss_metal.harmony.tools import Tool

Body = dict[str, Any]

# A line's indentation and more; but a model that has lost its way cannot go on for ever.
_SPACE: Final = r"[ \n\r\t]{1,64}"
ANY_OBJECT: Final[Body] = {
    "json_schema": {"type": "object", "x-guidance": {"whitespace_pattern": _SPACE}}
}
_NO_ARGUMENTS: Final = {"type": "object", "additionalProperties": False}
_DEEPEST: Final = 100
_LARGEST: Final = 2_000_000
_REMEMBERED: Final = 64_000
_LARK: Final = re.compile(
    r"""//[^\n]*|\#[^\n]*|"(?:\\.|[^"\\\n])*"|/(?:\\.|[^/\\\n])+/|(<[^>\n]*>)""", re.VERBOSE
)


def limits(*, checking: bool = False) -> llguidance.LLParserLimits:
    """How much work one grammar may make; errors tell nothing of what was generated.

    Args:
        checking: narrower ones, so that what passes a check has room when it is used.
    """
    rows, items = (6_000, 30_000) if checking else (24_000, 300_000)
    return llguidance.LLParserLimits(
        max_items_in_row=rows, step_max_items=items, verbose_errors=False
    )


def answer_body(response_format: Mapping[str, Any] | None) -> Body | None:
    """The body of the final message; None for any text.

    Args:
        response_format: as `gptoss_metal.harmony.render.response_format_text` accepts it.

    Raises:
        UnsupportedSchema: the schema cannot be enforced.
    """
    kind = None if response_format is None else response_format.get("type")
    if response_format is None or kind == "text":
        return None
    if kind == "json_object":
        return ANY_OBJECT
    schema = response_format.get("json_schema", response_format).get("schema")
    return _json(schema, "response_format")


def call_body(tool: Tool, param: str) -> Body | None:
    """The body of a call; None for any text.

    Args:
        tool: that is called.
        param: where it was given.

    Raises:
        UnsupportedSchema: a grammar, or the schema of a strict tool, cannot be enforced.
    """
    if tool.freeform:
        return None if tool.grammar is None else _text(tool.grammar, param)
    if tool.parameters is None:
        return _json(_NO_ARGUMENTS, param)
    schema: Mapping[str, Any] = tool.parameters
    if not schema.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"}:
        schema = {"type": "object", **schema}
    if tool.strict:
        return _json(schema, param)
    for lenient in (False, True):
        try:
            return _json(schema, param, lenient=lenient)
        except Error:
            continue
    return ANY_OBJECT


def _json(schema: Mapping[str, Any], param: str, *, lenient: bool = False) -> Body:
    own = {key: value for key, value in schema.items() if key != "x-guidance"}
    own["x-guidance"] = {"whitespace_pattern": _SPACE, "lenient": lenient}
    try:
        text = json.dumps(own, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (RecursionError, TypeError, ValueError) as problem:
        raise schema_refused(str(problem), {}, param) from None
    if len(text) > _LARGEST:
        raise schema_refused(f"it has more than {_LARGEST} characters", {}, param)
    if _depth(text) > _DEEPEST:
        raise schema_refused(f"it is nested more than {_DEEPEST} levels deep", {}, param)
    problem_found = _checked(f'{{"json_schema":{text}}}')
    if problem_found:
        raise schema_refused(problem_found, schema, param)
    return {"json_schema": own}


def _text(grammar: Mapping[str, Any], param: str) -> Body:
    syntax, definition = str(grammar["syntax"]), str(grammar["definition"])
    if syntax == "regex":
        made = json.loads(llguidance.LLMatcher.grammar_from_regex(definition))
        definition = made["grammars"][0]["lark_grammar"]
    tokens = [found.group(1) for found in _LARK.finditer(definition) if found.group(1)]
    if tokens:
        raise grammar_refused(f"it names the special token {tokens[0]}", syntax, param)
    body = {"lark_grammar": definition}
    problem = _checked(json.dumps(body))
    if problem:
        raise grammar_refused(problem, syntax, param)
    return body


def _checked(body: str) -> str:
    """What is wrong with a body, empty if nothing is."""
    return _checked_before(body) if len(body) < _REMEMBERED else _check(body)


@functools.lru_cache(256)
def _checked_before(body: str) -> str:
    return _check(body)


def _check(body: str) -> str:
    """Compiles it, and goes into an object, where the most can come next."""
    grammar = f'{{"grammars":[{body}]}}'
    matcher = llguidance.LLMatcher(_bytes(), grammar, log_level=0, limits=limits(checking=True))
    if not matcher.is_error():
        matcher.compute_bitmask()
    if not matcher.is_error() and matcher.try_consume_tokens([ord("{")]):
        matcher.compute_bitmask()
    problem = matcher.get_error()
    if "panic" in problem or "parser error" in problem.lower():
        return "it is too large"
    return "it refers to itself without end" if "NoExtension" in problem else problem


@functools.cache
def _bytes() -> llguidance.LLTokenizer:
    return small_tokenizer()


def _depth(text: str) -> int:
    """How deep brackets are nested in JSON text."""
    deepest = depth = 0
    for mark in re.findall(r'"(?:\\.|[^"\\])*"|[\[{]|[\]}]', text):
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest
