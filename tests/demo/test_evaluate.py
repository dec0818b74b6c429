"""The measurement itself: a model that errs must be seen to err."""

from __future__ import annotations

import json
import re

import evaluate
from generator.splits import held_out_additions

from gptoss_metal import Done, Text, ToolCall, Usage


class Scripted:
    """Stands in for a model: answers sums with an error, and calls with the city given to it."""

    def __init__(self, error: int = 0, city: str | None = None) -> None:
        self.error = error
        self.city = city
        self.requests: list[dict] = []

    def chat(self, messages, **setting):
        self.requests.append(setting)
        question = messages[-1]["content"]
        if setting["tools"] and messages[-1]["role"] == "user":
            city = self.city or question.split(" in ")[1].rstrip("?. ").removesuffix(" today")
            yield ToolCall("1", "get_weather", json.dumps({"city": city}), "functions.get_weather")
        elif setting["tools"]:
            yield Text("It is warm.")
        else:
            a, b = (int(n) for n in re.findall(r"\d+", question))
            yield Text(f"{a} + {b} = ")
            yield Text(f"{a + b + self.error}.")
        usage = Usage(10, completion_tokens=20, reasoning_tokens=8)
        yield Done("stop", usage, {"role": "assistant", "content": ""})


def test_right_sums_score_full_marks_at_temperature_0():
    model = Scripted()
    score = evaluate.additions(model, 200)
    assert (score.right, score.total, score.share) == (200, 200, 1.0)
    assert (score.tokens, score.reasoning) == (20, 8)
    assert all(request["sampling"].temperature == 0 for request in model.requests)
    assert all(request["reasoning_effort"] == "medium" for request in model.requests)


def test_wrong_sums_score_nothing_and_are_listed():
    score = evaluate.additions(Scripted(error=1), 10)
    assert (score.right, score.total) == (0, 10)
    a, b = held_out_additions()[0]
    assert score.wrong[0].endswith(f"{a} + {b} = {a + b + 1}.")


def test_calls_are_judged_by_their_city_and_answers_by_their_text():
    calls, answers = evaluate.weather(Scripted(), 20)
    assert calls.share == 1
    assert (answers.right, answers.total) == (0, 20)
    calls, _ = evaluate.weather(Scripted(city="Atlantis"), 20, answer=False)
    assert calls.right == 0
