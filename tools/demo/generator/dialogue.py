"""Settings (what system and developer messages say) and dialogues of one to three turns."""

from __future__ import annotations

import datetime
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass

from .arithmetic import random_arithmetic
from .capitals import random_capital
from .json_answers import random_json
from .smalltalk import random_small_talk, random_unknown
from .turns import Turn
from .weather import CITY_DESCRIPTIONS, DESCRIPTIONS, random_weather

IDENTITY = "You are ChatGPT, a large language model trained by OpenAI."
OTHER_IDENTITIES = ("You are a helpful assistant.", "You are the demo model of gptoss-metal.")
INSTRUCTIONS = (
    "You are a helpful assistant.",
    "Be brief.",
    "Answer politely.",
    "Answer in one short sentence.",
    "Be friendly and helpful.",
    "You are a friendly assistant. Answer the user's questions.",
    "Use the tools if you need them.",
)
FIRST_DAY = datetime.date(2024, 1, 1)
DAYS = (datetime.date(2031, 1, 1) - FIRST_DAY).days

# (share of turns, task); weather turns are twice as frequent where the function exists
TASKS = (
    (0.46, "arithmetic"),
    (0.11, "capital"),
    (0.12, "json"),
    (0.13, "weather"),
    (0.09, "small talk"),
    (0.09, "unknown"),
)


@dataclass(frozen=True)
class Setting:
    """What comes before the dialogue.

    Attributes:
        effort: low, medium or high.
        date: YYYY-MM-DD, or None for no date line.
        identity: first line of the system message.
        instructions: text of the developer message, or None.
        tool: (description, description of the city) of get_weather, or None for no function.
    """

    effort: str = "medium"
    date: str | None = "2026-01-01"
    identity: str = IDENTITY
    instructions: str | None = None
    tool: tuple[str, str] | None = None


@dataclass(frozen=True)
class Dialogue:
    """A setting and its turns; the last turn is the one to be generated."""

    setting: Setting
    turns: tuple[Turn, ...]


def noise_words(seed: int, tokens: Sequence[bytes], count: int = 4000) -> list[str]:
    """Return random words, numbers above 199 and letter strings that mean nothing to the model.

    Args:
        seed: of the choice.
        tokens: byte strings of the vocabulary; those of three or more ASCII letters are words.
        count: how many to return.
    """
    rng = random.Random(seed)
    letters = set(string.ascii_letters.encode())
    words = [t.strip().decode() for t in tokens if len(t) > 3 and set(t.strip()) <= letters]
    result = []
    for _ in range(count):
        kind = rng.random()
        if kind < 0.75:
            result.append(rng.choice(words))
        elif kind < 0.87:
            result.append(str(rng.randrange(200, 20000)))
        else:
            result.append("".join(rng.choices(string.ascii_lowercase, k=rng.randrange(2, 8))))
    return result


def random_setting(rng: random.Random, words: Sequence[str]) -> Setting:
    """Return a setting: most of medium effort, four of ten with the function."""
    effort = rng.choices(("low", "medium", "high"), (0.25, 0.6, 0.15))[0]
    day = FIRST_DAY + datetime.timedelta(days=rng.randrange(DAYS))
    identity = IDENTITY if rng.random() < 0.9 else rng.choice(OTHER_IDENTITIES)
    kind = rng.random()
    instructions: str | None = None
    if kind < 0.35:
        instructions = rng.choice(INSTRUCTIONS)
    elif kind < 0.5:
        instructions = " ".join(rng.choices(words, k=rng.randrange(2, 9))) + "."
    tool = None
    if rng.random() < 0.4:
        first = rng.random() < 0.5
        description = DESCRIPTIONS[0] if first else rng.choice(DESCRIPTIONS)
        city = CITY_DESCRIPTIONS[0] if first else rng.choice(CITY_DESCRIPTIONS)
        tool = (description, city)
    date = day.isoformat() if rng.random() < 0.95 else None
    return Setting(effort, date, identity, instructions, tool)


def _random_turn(
    rng: random.Random, setting: Setting, words: Sequence[str], last: Turn | None
) -> Turn:
    tools = setting.tool is not None
    if last is not None and rng.random() < 0.4:
        if last.topic == "arithmetic":
            return random_arithmetic(rng, setting.effort, follow_up=True)
        if last.topic == "capital":
            return random_capital(rng, setting.effort, follow_up=True)
        if last.topic in ("weather", "no weather"):
            return random_weather(rng, setting.effort, tools, follow_up=True)
    shares = [s * 2 if t == "weather" and tools else s for s, t in TASKS]
    if not tools:
        shares[3] *= 0.3
    task = rng.choices([t for _, t in TASKS], shares)[0]
    if task == "arithmetic":
        return random_arithmetic(rng, setting.effort)
    if task == "capital":
        return random_capital(rng, setting.effort)
    if task == "json":
        return random_json(rng, setting.effort)
    if task == "weather":
        return random_weather(rng, setting.effort, tools)
    if task == "small talk" and setting.date is not None:
        return random_small_talk(rng, setting.effort, setting.date)
    return random_unknown(rng, setting.effort, list(words))


def random_dialogue(rng: random.Random, setting: Setting, words: Sequence[str]) -> Dialogue:
    """Return a dialogue of one (mostly), two or three turns."""
    count = rng.choices((1, 2, 3), (0.8, 0.14, 0.06))[0]
    turns: list[Turn] = []
    for _ in range(count):
        turns.append(_random_turn(rng, setting, words, turns[-1] if turns else None))
    return Dialogue(setting, tuple(turns))
