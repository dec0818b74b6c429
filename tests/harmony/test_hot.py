"""A model of random weights at temperature 2.0: only the grammar keeps its turns well-formed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal import Model, Sampling
from gptoss_metal.events import Done, ToolCall
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.grammar.grammars import Grammars
from gptoss_metal.harmony.tools import Tool, ToolChoice
from tests.chat.models import write_small
from tests.chat.scripted import VOCAB
from tests.chat.test_render import WEATHER
from tests.harmony.judge import fault

USER = [{"role": "user", "content": "What is the weather in Oslo?"}]
UNIT = {"type": "string", "enum": ["C", "F"]}
PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 40}, "unit": UNIT},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
FORECAST = Tool("forecast", "Tells what comes.", PLACE, strict=True)
PATCH = Tool("apply_patch", "Changes files.", freeform=True)
NUMBER = {"syntax": "regex", "definition": "[0-9]{1,4}(,[0-9]{1,4}){0,3}"}
LARK = {"syntax": "lark", "definition": 'start: "add" " " WORD+\nWORD: /[a-z]{1,9} /'}
NUMBERS = Tool("numbers", freeform=True, grammar=NUMBER)
WORDS = Tool("words", freeform=True, grammar=LARK)
SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE}}
REQUIRED, NEVER = ToolChoice("required"), ToolChoice("none")

SETTINGS: list[dict[str, Any]] = [
    {},
    {"tools": [WEATHER, FORECAST]},
    {"tools": [WEATHER, PATCH], "builtins": ["browser", "python"]},
    {"builtins": ["python"]},
    {"response_format": {"type": "json_object"}},
    {"response_format": SCHEMA},
    {"response_format": SCHEMA, "tools": [WEATHER], "builtins": ["browser"]},
    {"tools": [WEATHER, FORECAST, PATCH], "tool_choice": REQUIRED},
    {
        "tools": [WEATHER, FORECAST],
        "tool_choice": ToolChoice("required", frozenset({"forecast"})),
    },
    {"tools": [WEATHER, FORECAST], "tool_choice": NEVER},
    {"tools": [NUMBERS, WORDS], "tool_choice": REQUIRED},
]


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Model:
    path = tmp_path_factory.mktemp("hot") / "hot.safetensors"
    return Model.load(write_small(path, vocab=VOCAB, vocabulary=vocabulary.read_bytes()))


@pytest.fixture(scope="module")
def likely(random_model: Model) -> dict[int, float]:
    """Makes messages and strings end after some twenty tokens, and not after 200,000."""
    encode = random_model.vocabulary.encode
    ends = dict.fromkeys((t.END, t.RETURN, t.CALL), 19.0)
    marks = {token: 17.0 for text in ('"', '"}', '",', "}", '":') for token in encode(text)}
    return ends | marks


def hot_turns(
    model: Model, likely: dict[int, float], numbers: range, *, limit: int = 90
) -> list[tuple[dict[str, Any], list[int], Done, list[ToolCall]]]:
    turns = []
    for number in numbers:
        setting = SETTINGS[number % len(SETTINGS)]
        sampling = Sampling(temperature=2.0, seed=number, logit_bias=likely)
        turn = model.chat(USER, sampling=sampling, max_tokens=limit, **setting)
        events = list(turn)
        done = events[-1]
        assert isinstance(done, Done)
        calls = [event for event in events if isinstance(event, ToolCall)]
        turns.append((setting, turn.ids, done, calls))
    return turns


def check(model: Model, turns: list[tuple[dict[str, Any], list[int], Done, list[ToolCall]]]) -> int:
    """Checks turns, and returns how many of them came to their end."""
    whole = 0
    for setting, ids, done, calls in turns:
        assert fault(model.vocabulary, ids) == "", model.vocabulary.text(ids)
        if done.finish_reason == "length":
            continue
        whole += 1
        choice = setting.get("tool_choice", ToolChoice())
        if choice.mode == "required":
            assert len(calls) == 1
        if choice.mode == "none":
            assert not calls
        for call in calls:
            check_call(call, choice)
        if "response_format" in setting and not calls:
            answer = json.loads(done.message["harmony"][-1]["text"])
            if setting["response_format"] is SCHEMA:
                check_place(answer)
            assert isinstance(answer, dict)
    return whole


def check_call(call: ToolCall, choice: ToolChoice) -> None:
    assert call.complete
    assert call.freeform == (call.name in ("apply_patch", "numbers", "words"))
    if choice.names is not None:
        assert call.name in choice.names
    if call.name == "numbers":
        assert all(part.isdigit() for part in call.arguments.split(","))
    elif call.name == "words":
        assert call.arguments.startswith("add ")
    elif call.name == "forecast":
        assert call.parsed is not None
        check_place(call.parsed)
    elif not call.freeform and call.name != "python":
        assert call.parsed is not None
    if call.name == "get_weather":
        assert isinstance((call.parsed or {})["city"], str)


def check_place(value: Any) -> None:
    assert set(value) == {"city", "unit"}
    assert len(value["city"]) <= 40
    assert value["unit"] in ("C", "F")


def test_hot_turns_are_well_formed(random_model: Model, likely: dict[int, float]) -> None:
    turns = hot_turns(random_model, likely, range(110))
    assert check(random_model, turns) >= 55
    # of every setting some turns must have come to their end
    ended = {id(setting) for setting, _, done, _ in turns if done.finish_reason != "length"}
    assert len(ended) == len(SETTINGS)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_2000_hot_turns_are_well_formed(random_model: Model, likely: dict[int, float]) -> None:
    assert check(random_model, hot_turns(random_model, likely, range(110, 2110))) >= 1000


def test_without_its_grammar_the_model_is_seen_to_fail(
    random_model: Model, likely: dict[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Free:
        def mask(self) -> None:
            """Everything is allowed."""

        def accept(self, token: int) -> None:
            """Nothing is learned."""

    monkeypatch.setattr(Grammars, "turn", lambda self, **setting: Free())
    turns = hot_turns(random_model, likely, range(5), limit=30)
    assert all(fault(random_model.vocabulary, ids) for _, ids, _, _ in turns)
