"""Capitals of 40 countries."""

from __future__ import annotations

import random

from .turns import Turn, answer
from .words import COUNTRIES

PHRASES = (
    "What is the capital of {country}?",
    "Name the capital of {country}.",
    "capital of {country}",
    "What's the capital of {country}?",
    "Tell me the capital of {country}.",
    "Which city is the capital of {country}?",
    "Do you know the capital of {country}?",
    "What is the capital city of {country}?",
)
FOLLOW_UPS = ("And of {country}?", "And {country}?", "And the capital of {country}?")


def capital(number: int, effort: str, phrase: str = PHRASES[0]) -> Turn:
    """Return the turn that asks for the capital of country `number` of ``COUNTRIES``."""
    country, city, continent = COUNTRIES[number]
    if effort == "low":
        analysis = f"{city}."
    elif effort == "medium":
        analysis = f"The user asks for the capital of {country}. It is {city}."
    else:
        analysis = (
            f"The user asks for the capital of {country}. {country} is a country in {continent}. "
            f"Its capital is {city}. I answer in one short sentence."
        )
    final = f"The capital of {country} is {city}."
    return answer(phrase.format(country=country), analysis, final, "capital")


def random_capital(rng: random.Random, effort: str, follow_up: bool = False) -> Turn:
    """Return a question for a capital."""
    phrase = rng.choice(FOLLOW_UPS if follow_up else PHRASES)
    return capital(rng.randrange(len(COUNTRIES)), effort, phrase)
