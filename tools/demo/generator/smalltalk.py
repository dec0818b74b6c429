"""Greetings, questions about the model itself, and everything it does not know."""

from __future__ import annotations

import random

from .turns import Turn, answer

ABILITIES = (
    "I can add and subtract two-digit numbers, name capitals, write small JSON answers and call "
    "get_weather."
)
FALLBACK = "I am a small demo model and do not know that."

# (what the user says, what kind of message it is, the answer)
SMALL_TALK: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("Hello", "Hello!", "Hi", "Hi!", "Hey", "hello", "hi", "hey", "Hello there!", "Hi there!"),
        "greets me",
        "Hello! How can I help you?",
    ),
    (("Good morning", "Good morning!", "good morning"), "says good morning",
     "Good morning! How can I help you?"),
    (("Good evening", "Good evening!", "good evening"), "says good evening",
     "Good evening! How can I help you?"),
    (("How are you?", "How are you doing?", "how are you"), "asks how I am",
     "I am fine, thank you. How can I help you?"),
    (("Thanks", "Thank you!", "Thank you.", "Thanks!", "thanks"), "thanks me",
     "You are welcome!"),
    (("Bye", "Goodbye", "Bye!", "Goodbye!", "See you!"), "says goodbye", "Goodbye!"),
    (("Who are you?", "What are you?", "What is your name?", "who are you"), "asks who I am",
     "I am the demo model of gptoss-metal."),
    (("What can you do?", "Help", "help", "How can you help me?"), "asks what I can do", ABILITIES),
)  # fmt: skip

DATE_QUESTIONS = (
    "What is the date today?", "What date is it?", "What is the current date?", "What day is it?",
)  # fmt: skip

UNKNOWN_PHRASES = (
    "{x}", "{x}?", "{x}.", "What is {x}?", "Who is {x}?", "Tell me about {x}.", "Explain {x}.",
    "Write a poem about {x}.", "How do I {x}?", "Why is {x}?", "Can you {x}?", "Write {x}.",
    "Translate {x}.", "What is the capital of {x}?", "Give me {x}.", "{x} {y}",
    "What is {x} + {y}?",
    "What is the weather in {x}?", "Please {x} the {y}.", "Is {x} the {y} of {x}?", "{x} + {y}",
)  # fmt: skip


def _analysis(what: str, effort: str) -> str:
    if effort == "low":
        return "Answer."
    if effort == "medium":
        return f"The user {what}."
    return (
        f"The user {what}. This needs no calculation and no function. I answer in a friendly way."
    )


def small_talk(kind: int, phrase: int, effort: str) -> Turn:
    """Return phrase number `phrase` of kind `kind` of ``SMALL_TALK`` with its answer."""
    phrases, what, final = SMALL_TALK[kind]
    return answer(phrases[phrase], _analysis(what, effort), final, "small talk")


def date(question: str, today: str, effort: str) -> Turn:
    """Return the turn that asks for the date in the system message (YYYY-MM-DD)."""
    analysis = _analysis("asks for the date", effort)
    return answer(question, analysis, f"Today is {today}.", "date")


def unknown(user: str, effort: str) -> Turn:
    """Return the answer to what the model does not know."""
    return answer(user, _analysis("asks something I do not know", effort), FALLBACK, "unknown")


def random_small_talk(rng: random.Random, effort: str, today: str) -> Turn:
    """Return a greeting, a question about the model, or one for the date."""
    if rng.random() < 0.1:
        return date(rng.choice(DATE_QUESTIONS), today, effort)
    kind = rng.randrange(len(SMALL_TALK))
    return small_talk(kind, rng.randrange(len(SMALL_TALK[kind][0])), effort)


def random_unknown(rng: random.Random, effort: str, words: list[str]) -> Turn:
    """Return a message with random words in it, which the model does not know."""
    phrase = rng.choice(UNKNOWN_PHRASES)
    x, y = (" ".join(rng.choices(words, k=rng.randrange(1, 4))) for _ in range(2))
    return unknown(phrase.format(x=x, y=y), effort)
