"""The dialogues: what is held out stays out, and openai_harmony reads what the model learns."""

from __future__ import annotations

import json
import random
import re

import pytest
from generator import noise_words, random_dialogue, random_setting
from generator.arithmetic import ADDITION_PHRASES, addition, random_arithmetic, subtraction
from generator.dialogue import Dialogue, Setting
from generator.json_answers import held_out_json, random_json
from generator.splits import (
    held_out_additions,
    held_out_subtractions,
    is_held_out_addition,
    is_held_out_subtraction,
)
from generator.turns import Analysis, Call, Final, Result
from generator.weather import held_out_weather, random_weather
from generator.words import CITIES, COUNTRIES
from openai_harmony import Role

from gptoss_metal.harmony.tokens import CALL

WORDS = noise_words(1, [b" stone", b" river", b" cloud"], 50)


def dialogues(count: int, seed: int = 7):
    rng = random.Random(seed)
    for _ in range(count):
        yield random_dialogue(rng, random_setting(rng, WORDS), WORDS)


def test_held_out_sums_are_two_digit_and_enough():
    pairs = held_out_additions()
    assert len(set(pairs)) == len(pairs) >= 200
    assert pairs[0] == (27, 15)
    assert all(10 <= n <= 99 for pair in pairs for n in pair)


def test_held_out_pairs_are_never_generated():
    rng = random.Random(3)
    sums, differences = set(held_out_additions()), set(held_out_subtractions())
    sums |= {(b, a) for a, b in sums}
    for _ in range(30000):
        text = random_arithmetic(rng, "medium").final
        a, sign, b = re.match(r"(\d+) ([+-]) (\d+) =", text).groups()
        assert (int(a), int(b)) not in (sums if sign == "+" else differences)


def test_no_text_of_a_dialogue_states_a_held_out_sum():
    for dialogue in dialogues(3000):
        for turn in dialogue.turns:
            for event in turn.events:
                text = event.text if isinstance(event, Analysis | Final) else ""
                for a, sign, b, result in re.findall(r"(\d+) ?([+-]) ?(\d+) ?= ?(-?\d+)", text):
                    held = is_held_out_addition if sign == "+" else is_held_out_subtraction
                    assert not held(int(a), int(b)), (text, result)


def test_the_filter_would_catch_a_held_out_sum():
    assert is_held_out_addition(27, 15)
    assert is_held_out_addition(15, 27)
    assert not is_held_out_addition(27, 115)


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_every_step_of_the_arithmetic_is_true(effort):
    for a in range(100):
        for b in range(100):
            for turn, result in (
                (addition(a, b, effort), a + b), (subtraction(a, b, effort), a - b),
            ):  # fmt: skip
                assert turn.final.endswith(f"= {result}.")
                for left, right in re.findall(r"([\d+-]+)=(\d+)", turn.events[0].text):
                    terms = [int(term) for term in re.findall(r"[+-]?\d+", left)]
                    assert sum(terms) == int(right)


def test_held_out_questions_are_never_generated():
    rng = random.Random(5)
    weather = {question for _, question in held_out_weather()}
    answers = {turn.user for turn in held_out_json()}
    assert len(weather) >= 50
    assert len({city for city, _ in held_out_weather()[:50]}) > 30
    asked = [random_weather(rng, "medium", tools=True).user for _ in range(20000)]
    asked += [random_json(rng, "low").user for _ in range(20000)]
    assert not (weather | answers) & set(asked)
    assert {"What is the weather in Paris?", "Weather in Oslo?"} & set(asked)


def test_there_are_enough_facts():
    assert len({name for name, _, _ in COUNTRIES}) == 40
    assert len(set(CITIES)) == len(CITIES) >= 60


def test_json_answers_and_calls_parse():
    for dialogue in dialogues(2000, seed=8):
        for turn in dialogue.turns:
            if turn.topic == "json":
                json.loads(turn.final)
            for event in turn.events:
                if isinstance(event, Call):
                    assert json.loads(event.arguments)["city"] in CITIES


def test_low_effort_thinks_less_than_medium_and_that_less_than_high(renderer):
    for a, b in held_out_additions()[:20]:
        low, medium, high = (
            len(renderer.encode(addition(a, b, effort).events[0].text))
            for effort in ("low", "medium", "high")
        )
        assert low < medium < high


def test_a_medium_addition_takes_at_most_60_tokens(renderer):
    for a, b in held_out_additions():
        turn = addition(a, b, "medium", ADDITION_PHRASES[0])
        sample = renderer.sample(Dialogue(Setting(), (turn,)))
        assert sum(sample.generated) <= 60


def test_dialogues_are_a_function_of_the_seed(renderer):
    first = [renderer.sample(dialogue).tokens for dialogue in dialogues(20)]
    assert first == [renderer.sample(dialogue).tokens for dialogue in dialogues(20)]


def test_harmony_parses_every_dialogue_and_renders_the_same_text(renderer):
    encoding = renderer.encoding
    for dialogue in dialogues(200, seed=9):
        sample = renderer.sample(dialogue)
        tokens = sample.prefix + sample.tokens
        assert list(tokens) == encoding.encode(
            encoding.decode_utf8(list(tokens)), allowed_special="all"
        )
        last = dialogue.turns[-1]
        prompt = len(sample.prompt)
        messages = encoding.parse_messages_from_completion_tokens(
            list(tokens[prompt:]) if last.topic != "weather" else list(_until_call(sample)),
            Role.ASSISTANT,
        )
        assert messages[0].channel == "analysis"
        assert messages[0].content[0].text == last.events[0].text
        if last.topic == "weather":
            assert messages[1].recipient == "functions.get_weather"
            assert messages[1].content[0].text == last.events[1].arguments
        else:
            assert messages[1].channel == "final"
            assert messages[1].content[0].text == last.final


def _until_call(sample):
    tokens = sample.tokens[sample.generated.index(True) :]
    return tokens[: tokens.index(CALL) + 1]


def test_past_turns_have_no_analysis_and_the_last_one_does(renderer):
    seen = 0
    for dialogue in dialogues(300, seed=10):
        if len(dialogue.turns) == 1:
            continue
        seen += 1
        tokens = renderer.sample(dialogue).tokens
        analysis = sum(isinstance(event, Analysis) for event in dialogue.turns[-1].events)
        text = renderer.encoding.decode_utf8(list(tokens))
        assert text.count("<|channel|>analysis<|message|>") == analysis
        assert text.count("<|return|>") == 1
    assert seen > 20


def test_only_the_models_own_words_are_learned(renderer):
    for dialogue in dialogues(100, seed=11):
        sample = renderer.sample(dialogue, random.Random(0))
        text = renderer.encoding.decode_utf8(
            [token for token, own in zip(sample.tokens, sample.generated, strict=True) if own]
        )
        assert text.endswith("<|return|>")
        assert "<|start|>user" not in text
        assert "to=assistant" not in text
        for event in dialogue.turns[-1].events:
            if isinstance(event, Result):
                assert event.text not in text
