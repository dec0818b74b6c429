"""The get_weather function: calls, results, and answers from results."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from .splits import is_held_out_phrase
from .turns import Analysis, Call, Event, Final, Result, Turn, answer
from .words import CITIES, CONDITIONS

NAME = "get_weather"
DESCRIPTIONS = (
    "Gets the current weather for a city.",
    "Get the current weather in a city.",
    "Returns the weather of a city.",
    "Get the weather for a city",
    "",
)
CITY_DESCRIPTIONS = ("The name of the city.", "The city.", "City name", "")

PHRASES = (
    "What is the weather in {city}?",
    "What's the weather in {city}?",
    "How is the weather in {city}?",
    "Weather in {city}?",
    "weather in {city}",
    "What is the weather like in {city}?",
    "What's the weather like in {city} today?",
    "Tell me the weather in {city}.",
    "How is the weather in {city} today?",
    "Is it warm in {city}?",
    "Is it raining in {city}?",
    "What is the temperature in {city}?",
    "Please check the weather in {city}.",
    "How warm is it in {city}?",
)
FOLLOW_UPS = ("And in {city}?", "And {city}?", "What about {city}?")


@dataclass(frozen=True)
class Report:
    """What the function returns: degrees Celsius, a condition, and the form of the text."""

    degrees: str
    condition: str
    form: int

    FORMS = 7

    def text(self, city: str) -> str:
        """Return the function's output for a city."""
        degrees, condition = self.degrees, self.condition
        number = json.loads(degrees)
        short = {"temperature": number, "condition": condition}
        texts = (
            json.dumps(short, separators=(",", ":")),
            json.dumps({"city": city, **short}, separators=(",", ":")),
            json.dumps(short),
            json.dumps({"city": city, **short}),
            f"{degrees} °C, {condition}",
            f"{condition}, {degrees} degrees",
            json.dumps({"temperature_c": number, "sky": condition}),
        )
        return texts[self.form]


def parameters(city_description: str = CITY_DESCRIPTIONS[0]) -> dict[str, object]:
    """Return the JSON schema of the function's arguments."""
    city = {"type": "string"}
    if city_description:
        city["description"] = city_description
    return {"type": "object", "properties": {"city": city}, "required": ["city"]}


def call_turn(city: str, effort: str, report: Report | None, phrase: str = PHRASES[0]) -> Turn:
    """Return the turn in which the model calls the function and answers from its result.

    Args:
        city: what is asked for.
        effort: low, medium or high.
        report: what the function returns; None: it returns an error.
        phrase: the question, with ``{city}``.
    """
    if effort == "low":
        before, after = "Call get_weather.", "Answer."
    elif effort == "medium":
        before = f"The user wants the weather in {city}. I call get_weather."
        after = f"I have the weather in {city}. I answer."
    else:
        before = (
            f"The user asks about the weather in {city}. I do not know the current weather, but "
            f"the function get_weather can look it up. I call it with the city {city}."
        )
        after = (
            f"The function has returned the weather in {city}. I tell the user the temperature "
            "and the condition in one short sentence."
        )
    if report is None:
        output = '{"error":"unknown city"}'
        after = "The function returned an error."
        final = f"I could not get the weather in {city}."
    else:
        output = report.text(city)
        final = f"It is {report.degrees} °C and {report.condition} in {city}."
    events: tuple[Event, ...] = (
        Analysis(before),
        Call(NAME, json.dumps({"city": city}, separators=(",", ":"))),
        Result(NAME, output),
        Analysis(after),
        Final(final),
    )
    return Turn(phrase.format(city=city), events, "weather")


def random_report(rng: random.Random) -> Report | None:
    """Return what the function says; an error once in 20."""
    if rng.random() < 0.05:
        return None
    degrees = str(rng.randrange(-15, 42))
    if rng.random() < 0.1:
        degrees += f".{rng.randrange(1, 10)}"
    return Report(degrees, rng.choice(CONDITIONS), rng.randrange(Report.FORMS))


def random_weather(rng: random.Random, effort: str, tools: bool, follow_up: bool = False) -> Turn:
    """Return a question about the weather; without the function the model says it cannot know."""
    while True:
        number, phrase = rng.randrange(len(CITIES)), rng.randrange(len(PHRASES))
        if not is_held_out_phrase(number, phrase):
            break
    text = rng.choice(FOLLOW_UPS) if follow_up else PHRASES[phrase]
    if tools:
        return call_turn(CITIES[number], effort, random_report(rng), text)
    user = text.format(city=CITIES[number])
    analysis = {
        "low": "No weather function.",
        "medium": "The user asks about the weather. I have no weather function.",
        "high": "The user asks about the weather. I do not know the current weather, and I have "
        "no weather function that can look it up. I say so.",
    }[effort]
    return answer(user, analysis, "I cannot look up the weather here.", "no weather")


def held_out_weather() -> list[tuple[str, str]]:
    """Return (city, question) pairs that are never trained, each city at most twice."""
    pairs = []
    for number, city in enumerate(CITIES):
        phrases = [p for p in range(len(PHRASES)) if is_held_out_phrase(number, p)]
        pairs += [(city, PHRASES[phrase].format(city=city)) for phrase in phrases[:2]]
    random.Random("weather").shuffle(pairs)
    return pairs
