"""A small family of questions whose answer is JSON."""

from __future__ import annotations

import json
import random

from .splits import is_held_out_phrase
from .turns import Turn, answer
from .words import COUNTRIES, LISTS, PEOPLE

COUNTRY_PHRASES = (
    "Give me {country} and its capital as JSON.",
    "Return {country} and its capital as JSON.",
    "Describe {country} as JSON with country and capital.",
    "Give me a JSON object with the country {country} and its capital.",
)
PERSON_PHRASES = (
    "Give me a person named {name}, aged {age}, as JSON.",
    "Return {name}, aged {age}, as JSON.",
    "{name} is {age} years old. Give me that as JSON.",
    "Give me a JSON object with the name {name} and the age {age}.",
)
RANGE_PHRASES = (
    "Give me the numbers from {first} to {last} as JSON.",
    "Return the numbers from {first} to {last} as JSON.",
    "Give me a JSON list of the numbers from {first} to {last}.",
)
LIST_PHRASES = (
    "Give me three {kind} as JSON.",
    "Return three {kind} as JSON.",
    "Give me a JSON list of three {kind}.",
)


def _turn(user: str, what: str, value: object, effort: str) -> Turn:
    if effort == "low":
        analysis = "JSON."
    elif effort == "medium":
        analysis = f"The user wants {what} as JSON."
    else:
        analysis = (
            f"The user wants {what} as JSON. I write valid JSON and nothing else: "
            "no text before it and no text after it."
        )
    return answer(user, analysis, json.dumps(value, separators=(",", ":")), "json")


def country(number: int, phrase: int, effort: str) -> Turn:
    """Return the turn that asks for a country and its capital."""
    name, city, _ = COUNTRIES[number]
    user = COUNTRY_PHRASES[phrase].format(country=name)
    return _turn(user, f"{name} and its capital", {"country": name, "capital": city}, effort)


def person(number: int, age: int, phrase: int, effort: str) -> Turn:
    """Return the turn that asks for a person's name and age."""
    name = PEOPLE[number]
    user = PERSON_PHRASES[phrase].format(name=name, age=age)
    return _turn(user, f"{name}, aged {age},", {"name": name, "age": age}, effort)


def numbers(first: int, last: int, phrase: int, effort: str) -> Turn:
    """Return the turn that asks for a list of consecutive numbers."""
    user = RANGE_PHRASES[phrase].format(first=first, last=last)
    value = list(range(first, last + 1))
    return _turn(user, f"the numbers from {first} to {last}", value, effort)


def things(kind: str, phrase: int, effort: str) -> Turn:
    """Return the turn that asks for three things of a kind."""
    return _turn(LIST_PHRASES[phrase].format(kind=kind), f"three {kind}", list(LISTS[kind]), effort)


def random_json(rng: random.Random, effort: str) -> Turn:
    """Return a question for JSON that is not held out."""
    choice = rng.random()
    if choice < 0.35:
        while True:
            number, phrase = rng.randrange(len(COUNTRIES)), rng.randrange(len(COUNTRY_PHRASES))
            if not is_held_out_phrase(number, phrase):
                return country(number, phrase, effort)
    if choice < 0.65:
        while True:
            number, phrase = rng.randrange(len(PEOPLE)), rng.randrange(len(PERSON_PHRASES))
            age = rng.randrange(1, 100)
            if not is_held_out_phrase(number + age, phrase):
                return person(number, age, phrase, effort)
    if choice < 0.85:
        first = rng.randrange(0, 20)
        last = first + rng.randrange(2, 8)
        return numbers(first, last, rng.randrange(len(RANGE_PHRASES)), effort)
    return things(rng.choice(sorted(LISTS)), rng.randrange(len(LIST_PHRASES)), effort)


def held_out_json() -> list[Turn]:
    """Return every country question, and one person question per name, that is never trained."""
    turns = [
        country(number, phrase, "medium")
        for number in range(len(COUNTRIES))
        for phrase in range(len(COUNTRY_PHRASES))
        if is_held_out_phrase(number, phrase)
    ]
    for number in range(len(PEOPLE)):
        phrase = number % len(PERSON_PHRASES)
        age = next(a for a in range(20, 40) if is_held_out_phrase(number + a, phrase))
        turns.append(person(number, age, phrase, "medium"))
    return turns
