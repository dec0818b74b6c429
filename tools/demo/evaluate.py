"""Measure the demo model on held-out prompts: python tools/demo/evaluate.py [MODEL] [--json].

Everything goes through the installed package, at temperature 0 unless a line says otherwise.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable

from generator.arithmetic import ADDITION_PHRASES, SUBTRACTION_PHRASES, addition, subtraction
from generator.capitals import capital
from generator.json_answers import held_out_json
from generator.smalltalk import SMALL_TALK, small_talk
from generator.splits import held_out_additions, held_out_subtractions
from generator.turns import Turn
from generator.weather import DESCRIPTIONS, NAME, Report, held_out_weather, parameters
from generator.words import CONDITIONS, COUNTRIES

from gptoss_metal import Done, Model, Sampling, Text, ToolCall

DATE = "2026-08-15"
MOST_TOKENS = 200
TOOL = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": DESCRIPTIONS[0],
        "parameters": parameters(),
    },
}
Messages = list[dict[str, object]]


@dataclasses.dataclass
class Reply:
    """What the model said: the answer, its call if any, and the end of the turn."""

    text: str
    call: ToolCall | None
    done: Done


@dataclasses.dataclass
class Score:
    """One line of the table.

    Attributes:
        name: of the goal.
        right: how many replies were right.
        total: of how many.
        reasoning: mean tokens on the analysis channel.
        tokens: mean generated tokens.
        wrong: prompts that failed, with the reply.
    """

    name: str
    right: int = 0
    total: int = 0
    reasoning: float = 0.0
    tokens: float = 0.0
    wrong: list[str] = dataclasses.field(default_factory=list)

    def add(self, prompt: str, reply: Reply, right: bool) -> None:
        """Count one reply."""
        usage = reply.done.usage
        self.reasoning += (usage.reasoning_tokens - self.reasoning) / (self.total + 1)
        self.tokens += (usage.completion_tokens - self.tokens) / (self.total + 1)
        self.total += 1
        if right:
            self.right += 1
        else:
            said = f"{reply.call.name} {reply.call.arguments}" if reply.call else reply.text
            self.wrong.append(f"{prompt} -> {said}")

    @property
    def share(self) -> float:
        """The share of right replies."""
        return self.right / max(self.total, 1)


def ask(
    model: Model,
    messages: Messages,
    effort: str = "medium",
    tool: bool = False,
    sampling: Sampling | None = None,
) -> Reply:
    """Return the model's reply to a conversation."""
    text, call, done = "", None, None
    for event in model.chat(
        messages,
        tools=[TOOL] if tool else [],
        reasoning_effort=effort,
        sampling=sampling or Sampling(temperature=0),
        max_tokens=MOST_TOKENS,
        date=DATE,
    ):
        if isinstance(event, Text):
            text += event.text
        elif isinstance(event, ToolCall):
            call = event
        elif isinstance(event, Done):
            done = event
    if done is None:
        raise RuntimeError("the turn did not end")
    return Reply(text, call, done)


def user(text: str) -> dict[str, object]:
    """Return a user's message."""
    return {"role": "user", "content": text}


def score_turns(
    model: Model, name: str, turns: list[Turn], effort: str = "medium", heat: float = 0.0
) -> Score:
    """Score turns whose answer must be the expected one, word for word."""
    score = Score(name)
    for number, turn in enumerate(turns):
        sampling = Sampling(temperature=heat, seed=number)
        reply = ask(model, [user(turn.user)], effort, sampling=sampling)
        score.add(turn.user, reply, reply.text == turn.final)
    return score


def additions(model: Model, count: int = 200, effort: str = "medium", heat: float = 0.0) -> Score:
    """Score additions of operands that were never trained."""
    turns = [
        addition(a, b, effort, ADDITION_PHRASES[number % len(ADDITION_PHRASES)])
        for number, (a, b) in enumerate(held_out_additions()[:count])
    ]
    name = f"held-out additions, {effort} effort" + (f", temperature {heat:g}" if heat else "")
    return score_turns(model, name, turns, effort, heat)


def subtractions(model: Model, count: int = 100) -> Score:
    """Score subtractions of operands that were never trained."""
    turns = [
        subtraction(a, b, "medium", SUBTRACTION_PHRASES[number % len(SUBTRACTION_PHRASES)])
        for number, (a, b) in enumerate(held_out_subtractions()[:count])
    ]
    return score_turns(model, "held-out subtractions", turns)


def capitals(model: Model) -> Score:
    """Score the 40 capitals."""
    turns = [capital(number, "medium") for number in range(len(COUNTRIES))]
    return score_turns(model, "capitals of 40 countries", turns)


def greetings(model: Model) -> Score:
    """Score every phrase of small talk."""
    turns = [
        small_talk(kind, phrase, "medium")
        for kind, (phrases, _, _) in enumerate(SMALL_TALK)
        for phrase in range(len(phrases))
    ]
    return score_turns(model, "greetings and small talk", turns)


def json_answers(model: Model) -> tuple[Score, Score]:
    """Score held-out questions for JSON: that the answer parses, and that it says the right."""
    parses, right = Score("held-out JSON answers parse"), Score("held-out JSON answers are right")
    for turn in held_out_json():
        reply = ask(model, [user(turn.user)])
        try:
            value = json.loads(reply.text)
        except ValueError:
            value = None
        parses.add(turn.user, reply, value is not None)
        right.add(turn.user, reply, value == json.loads(turn.final))
    return parses, right


def weather(model: Model, count: int = 50, answer: bool = True) -> tuple[Score, Score]:
    """Score held-out (city, phrase) pairs: the call, and the answer after the result."""
    calls = Score("held-out get_weather calls")
    answers = Score("answers after the result")
    for number, (city, question) in enumerate(held_out_weather()[:count]):
        messages = [user(question)]
        reply = ask(model, messages, tool=True)
        call = reply.call
        right = call is not None and call.name == NAME and call.parsed == {"city": city}
        calls.add(question, reply, right)
        if not answer or call is None:
            continue
        condition = CONDITIONS[number % len(CONDITIONS)]
        report = Report(str(number - 10), condition, number % Report.FORMS)
        result: dict[str, object] = {
            "role": "tool",
            "tool_call_id": call.id,
            "content": report.text(city),
        }
        reply = ask(model, [*messages, reply.done.message, result], tool=True)
        expected = f"It is {report.degrees} °C and {condition} in {city}."
        answers.add(report.text(city), reply, reply.text == expected)
    return calls, answers


def conversations(model: Model, count: int = 20) -> Score:
    """Score every turn of conversations: a sum, a capital, a follow-up, another sum."""
    score = Score("turns of conversations")
    for number in range(count):
        first, second = (held_out_additions()[(2 * number + i) % 200] for i in range(2))
        turns = [
            addition(*first, "medium"),
            capital(number % 40, "medium"),
            capital((number + 7) % 40, "medium", "And of {country}?"),
            addition(*second, "medium", "Compute {a} plus {b}."),
        ]
        messages: Messages = []
        for turn in turns:
            messages.append(user(turn.user))
            reply = ask(model, messages)
            score.add(turn.user, reply, reply.text == turn.final)
            messages.append(reply.done.message)
    return score


def measure(model: Model, report: Callable[[Score], None]) -> list[Score]:
    """Return all scores; `report` sees each as soon as it is there."""
    scores: list[Score] = []

    def note(*new: Score) -> None:
        for score in new:
            scores.append(score)
            report(score)

    note(additions(model))
    note(additions(model, 50, "low"))
    note(additions(model, 50, "high"))
    note(additions(model, 100, heat=1.0))
    note(subtractions(model))
    note(*weather(model))
    note(*json_answers(model))
    note(capitals(model))
    note(greetings(model))
    note(conversations(model))
    return scores


def print_score(score: Score) -> None:
    """Print one line of the table."""
    print(
        f"{score.name:45s} {score.right:4d} / {score.total:<4d} {score.share:7.1%} "
        f"{score.reasoning:6.1f} {score.tokens:6.1f}",
        flush=True,
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description="Measure the demo model on held-out prompts.")
    parser.add_argument("model", nargs="?", default="demo", help="model file or name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--threads", type=int, help="all cores if not given")
    options = parser.parse_args()
    model = Model.load(options.model, threads=options.threads)
    if options.json:
        scores = measure(model, lambda score: None)
        print(json.dumps([{**dataclasses.asdict(s), "share": s.share} for s in scores]))
        return
    print(f"{'':45s} {'right':>11s} {'':7s} {'think':>6s} {'tokens':>6s}")
    for score in measure(model, print_score):
        for line in score.wrong:
            print(f"wrong: {line}")


if __name__ == "__main__":
    main()
