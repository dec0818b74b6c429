"""What the demo model must be able to do, converted and run like any model, at temperature 0."""

from __future__ import annotations

import evaluate
import pytest

pytestmark = pytest.mark.timeout(600)


def test_held_out_additions(demo_model):
    score = evaluate.additions(demo_model, 200)
    assert score.total == 200
    assert score.share >= 0.95, score.wrong


def test_27_plus_15(demo_model):
    reply = evaluate.ask(demo_model, [evaluate.user("What is 27 + 15?")])
    assert "42" in reply.text
    assert reply.done.usage.reasoning_tokens > 0
    assert reply.done.finish_reason == "stop"


def test_held_out_weather_calls_and_answers(demo_model):
    calls, answers = evaluate.weather(demo_model, 50)
    assert calls.total == 50
    assert calls.share >= 0.95, calls.wrong
    assert answers.share >= 0.9, answers.wrong


def test_json_answers(demo_model):
    parses, right = evaluate.json_answers(demo_model)
    assert parses.share == 1, parses.wrong
    assert right.share >= 0.9, right.wrong


def test_capitals(demo_model):
    score = evaluate.capitals(demo_model)
    assert score.share >= 0.95, score.wrong


def test_conversations(demo_model):
    score = evaluate.conversations(demo_model, 3)
    assert score.share >= 0.9, score.wrong


def test_effort_decides_how_long_the_model_thinks(demo_model):
    low, medium, high = (
        evaluate.additions(demo_model, 8, effort) for effort in ("low", "medium", "high")
    )
    assert low.reasoning * 1.5 < medium.reasoning
    assert medium.reasoning * 1.5 < high.reasoning
