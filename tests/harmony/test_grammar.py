"""What a turn may say: every form that models use, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gptoss_metal import Error
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.grammar.grammars import Grammars
from gptoss_metal.harmony.tools import Tool, ToolChoice
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.harmony.follow import allowed, refused
from tests.harmony.judge import fault

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "", CITY)
NOW = Tool("now")
PATCH = Tool("apply_patch", freeform=True)
DIGITS = Tool("digits", freeform=True, grammar={"syntax": "regex", "definition": "[0-9]+/x"})
TOOLS = (WEATHER, NOW, PATCH, DIGITS)
THOUGHT = "<|channel|>analysis<|message|>Hm, 🧑‍🚀 <b>.<|end|><|start|>assistant"
PREAMBLE = "<|channel|>commentary<|message|>I look.\n<|end|><|start|>assistant"
OSLO = '<|message|>{"city": "Oslo"}<|call|>'
TO = " to=functions.get_weather"

GOOD = [
    "<|channel|>final<|message|>It is 42.<|return|>",
    "<|channel|>final<|message|><|return|>",
    '<|channel|>final <|constrain|>json<|message|>{"a": 1}<|return|>',
    THOUGHT + "<|channel|>final<|message|>It is <|end<|return|>",
    THOUGHT + PREAMBLE + THOUGHT + "<|channel|>final<|message|>42<|return|>",
    f"<|channel|>commentary{TO} <|constrain|>json{OSLO}",
    f"{THOUGHT}{PREAMBLE}<|channel|>commentary{TO} <|constrain|>json{OSLO}",
    f"<|channel|>commentary{TO} json{OSLO}",
    f"<|channel|>commentary{TO}{OSLO}",
    f"<|channel|>commentary{TO}<|constrain|>json{OSLO}",
    f"<|channel|>commentary{TO} code{OSLO}",
    f"{TO}<|channel|>commentary <|constrain|>json{OSLO}",
    f"{THOUGHT}{TO}<|channel|>commentary json{OSLO}",
    f"{TO}<|channel|>analysis{OSLO}",
    f"<|channel|>analysis{TO} <|constrain|>json{OSLO}",
    "<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.apply_patch code<|message|>*** {\n<|call|>",
    "<|channel|>commentary to=functions.apply_patch<|message|><|call|>",
    "<|channel|>commentary to=functions.digits code<|message|>120/x<|call|>",
    "<|channel|>analysis to=python code<|message|>print(1)\n<|call|>",
    "<|channel|>commentary to=python code<|message|>1<|call|>",
    '<|channel|>analysis to=browser.search code<|message|>{"query": "x", "topn": 3}<|call|>',
    '<|channel|>analysis to=browser.open <|constrain|>json<|message|>{"id": 3}<|call|>',
    "<|channel|>analysis to=browser.find<|message|>{}<|call|>",
]
# a turn, and from where on it is refused
BAD = [
    ("Hello", "Hello"),
    ("<|message|>Hello", "<|message|>Hello"),
    ("<|channel|>Final", "Final"),
    ("<|channel|>final answer", " answer"),
    ("<|channel|>final<|channel|>", "<|channel|>"),
    (f"<|channel|>final{TO}", " to=functions.get_weather"),
    ("<|channel|>final<|message|>x<|end|>", "<|end|>"),
    ("<|channel|>final<|message|>x<|call|>", "<|call|>"),
    ("<|channel|>final<|message|>x<|endoftext|>", "<|endoftext|>"),
    ("<|channel|>analysis<|message|>x<|return|>", "<|return|>"),
    ("<|channel|>analysis<|message|>x<|start|>", "<|start|>"),
    ("<|channel|>analysis<|message|>x<|channel|>", "<|channel|>"),
    ("<|channel|>analysis<|message|>x<|end|><|channel|>", "<|channel|>"),
    ("<|channel|>analysis<|message|>x<|end|><|start|>user", "user"),
    ("<|channel|>analysis<|message|>x<|end|><|return|>", "<|return|>"),
    ("<|channel|>commentary to=functions.set_weather", "set"),
    ("<|channel|>commentary to=functions.get_weather_now <|constrain|>json", "_now"),
    ("<|channel|>commentary to=container.exec", "container"),
    ("<|channel|>commentary to=browser.click", ".click"),
    (f"<|channel|>commentary{TO} <|constrain|>xml", "xml"),
    (f"<|channel|>commentary{TO} <|constrain|>json<|message|>[", "["),
    (f'<|channel|>commentary{TO} <|constrain|>json<|message|>{{"city": 5', "5"),
    (f'<|channel|>commentary{TO} <|constrain|>json<|message|>{{"city": "x"}}<|return|>', "<|ret"),
    (f'{TO}<|channel|>commentary <|constrain|>json<|message|>{{"town"', "town"),
    ("<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}}", "}"),
    ("<|channel|>commentary to=functions.apply_patch <|constrain|>json", "<|constrain|>"),
    ("<|channel|>commentary to=functions.digits code<|message|>12/y", "/y"),
    ("<|channel|>analysis to=python code<|message|>1<|return|>", "<|return|>"),
    ("<|channel|>analysis to=browser.search code<|message|>x", "x"),
]


def turn(grammars: Grammars, **setting: Any) -> Any:
    given: dict[str, Any] = {"tools": TOOLS, "builtins": ("browser", "python"), **setting}
    return grammars.turn(**given)


@pytest.mark.parametrize("stream", GOOD)
def test_what_models_say_is_allowed(tokenizer: Vocabulary, grammars: Grammars, stream: str) -> None:
    assert refused(tokenizer, turn(grammars), stream) == ""
    assert fault(tokenizer, tokenizer.encode(stream, specials=True)) == ""


@pytest.mark.parametrize(("stream", "end"), BAD)
def test_all_else_is_refused(
    tokenizer: Vocabulary, grammars: Grammars, stream: str, end: str
) -> None:
    found = refused(tokenizer, turn(grammars), stream)
    assert end in found
    assert found in stream
    assert found != stream or stream.startswith(end)


def test_text_may_hold_any_ordinary_token(tokenizer: Vocabulary, grammars: Grammars) -> None:
    """All but those that cannot begin a character where one must begin."""
    for header in ("analysis", "commentary", "final"):
        constraint = turn(grammars)
        assert refused(tokenizer, constraint, f"<|channel|>{header}<|message|>") == ""
        found = set(allowed(constraint).tolist())
        assert found - set(range(t.ORDINARY)) == {t.RETURN if header == "final" else t.END}
        missing = set(range(t.ORDINARY)) - found
        assert 0 < len(missing) < 500
        for token in missing:
            with pytest.raises(UnicodeDecodeError):
                tokenizer.token_bytes(token).decode()
    half = tokenizer.encode("🧑")[0]
    assert "�" in tokenizer.text([half])
    constraint.accept(half)
    assert t.RETURN not in allowed(constraint), "a message may end within a character"


def test_a_turn_begins_at_one_token(tokenizer: Vocabulary, grammars: Grammars) -> None:
    assert allowed(grammars.turn()).tolist() == [t.CHANNEL]


@pytest.mark.parametrize(
    ("setting", "callable_names"),
    [
        ({}, {"now", "python", "browser.search"}),
        ({"tool_choice": ToolChoice("none")}, set()),
        ({"tool_choice": ToolChoice("required")}, {"now", "python", "browser.search"}),
        ({"tool_choice": ToolChoice("auto", frozenset({"now"}))}, {"now"}),
        ({"tool_choice": ToolChoice("required", frozenset({"now"}))}, {"now"}),
        ({"tool_choice": ToolChoice("auto", frozenset({"browser"}))}, {"browser.search"}),
        ({"tool_choice": ToolChoice("auto", frozenset())}, set()),
        ({"builtins": ()}, {"now"}),
        ({"tools": ()}, {"python", "browser.search"}),
        ({"tools": (), "builtins": ("python",)}, {"python"}),
        ({"tools": (), "builtins": ()}, set()),
    ],
)
def test_the_choice_of_tools(
    tokenizer: Vocabulary, grammars: Grammars, setting: dict[str, Any], callable_names: set[str]
) -> None:
    calls = {
        "now": "<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>",
        "python": "<|channel|>analysis to=python code<|message|>1<|call|>",
        "browser.search": "<|channel|>analysis to=browser.search code<|message|>{}<|call|>",
    }
    for name, call in calls.items():
        for before in ("", THOUGHT + PREAMBLE):
            found = refused(tokenizer, turn(grammars, **setting), before + call)
            assert (found == "") == (name in callable_names), name
    must = setting.get("tool_choice", ToolChoice()).mode == "required"
    for before in ("", THOUGHT):
        answer = before + "<|channel|>final<|message|>42<|return|>"
        assert (refused(tokenizer, turn(grammars, **setting), answer) == "") != must


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ({"tools": (), "builtins": (), "tool_choice": ToolChoice("required")}, "there is no tool"),
        ({"tool_choice": ToolChoice("auto", frozenset({"nobody"}))}, "no tool 'nobody'"),
        ({"builtins": ("shell",)}, "no built-in tool 'shell'"),
    ],
)
def test_bad_choices(grammars: Grammars, setting: dict[str, Any], what: str) -> None:
    with pytest.raises(Error, match=r"^\[tool(s|_choice)\] .*Try: ") as caught:
        turn(grammars, **setting)
    assert what in str(caught.value)


def test_hundreds_of_tools(tokenizer: Vocabulary, grammars: Grammars) -> None:
    tools = [Tool(f"tool_number_{number}", "", CITY) for number in range(600)]
    call = "<|channel|>commentary to=functions.tool_number_577 <|constrain|>json" + OSLO
    assert refused(tokenizer, grammars.turn(tools=tools), call) == ""


def test_names_with_dots_and_dashes(tokenizer: Vocabulary, grammars: Grammars) -> None:
    tools = [Tool("a.b-c", "", CITY), Tool("a.b", "", CITY)]
    for name in ("a.b-c", "a.b"):
        call = f"<|channel|>commentary to=functions.{name} <|constrain|>json" + OSLO
        assert refused(tokenizer, grammars.turn(tools=tools), call) == ""


FORMATS: Sequence[tuple[dict[str, Any] | None, str, bool]] = [
    (None, "free text", True),
    ({"type": "text"}, "free text", True),
    ({"type": "json_object"}, '{"a": [1, {"b": null}]}', True),
    ({"type": "json_object"}, "[1]", False),
    ({"type": "json_object"}, "Sure: {}", False),
    ({"type": "json_schema", "json_schema": {"schema": CITY}}, '{"city": "Oslo"}', True),
    ({"type": "json_schema", "json_schema": {"schema": CITY}}, '{"town": "Oslo"}', False),
    ({"type": "json_schema", "schema": CITY}, '{"city": "Oslo"}', True),
    ({"type": "json_schema", "schema": CITY}, "{}", False),
]


@pytest.mark.parametrize(("form", "answer", "fits"), FORMATS)
def test_answers_by_response_format(
    tokenizer: Vocabulary,
    grammars: Grammars,
    form: dict[str, Any] | None,
    answer: str,
    fits: bool,
) -> None:
    """In the final message only; thoughts and calls stay as they are."""
    for header in ("final", "final <|constrain|>json"):
        stream = f"{THOUGHT}<|channel|>{header}<|message|>{answer}<|return|>"
        found = refused(tokenizer, turn(grammars, response_format=form), stream)
        assert (found == "") == fits
    call = f"{THOUGHT}{PREAMBLE}<|channel|>commentary{TO} <|constrain|>json{OSLO}"
    assert refused(tokenizer, turn(grammars, response_format=form), call) == ""


def test_no_preamble_stands_before_a_structured_answer(
    tokenizer: Vocabulary, grammars: Grammars
) -> None:
    """It would be part of the content, which then is no JSON."""
    stream = PREAMBLE + "<|channel|>final<|message|>{}<|return|>"
    assert refused(tokenizer, turn(grammars), stream) == ""
    constraint = turn(grammars, response_format={"type": "json_object"})
    assert refused(tokenizer, constraint, stream).startswith("final")
    alone = grammars.turn(response_format={"type": "json_object"})
    assert refused(tokenizer, alone, stream).startswith("commentary")


def test_blanks_cannot_go_on_for_ever(tokenizer: Vocabulary, grammars: Grammars) -> None:
    constraint = grammars.turn(response_format={"type": "json_object"})
    assert refused(tokenizer, constraint, "<|channel|>final<|message|>{" + " " * 64) == ""
    assert refused(tokenizer, constraint, "\n") == "\n"
    assert refused(tokenizer, constraint, "}<|return|>") == ""
