"""Malformed streams: real ones, with every kind of damage."""

from __future__ import annotations

import random
from collections.abc import Sequence

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary

WORDS = (
    "The answer is 42, I think.",
    "Let me look that up\nfor you: 🧑‍🚀 ｶﾞ 한국어 é!",
    "```python\nprint('<|end|>')\n```",
    '{"city": "Oslo", "days": [1, 2, 3]}',
    "*** Begin Patch\n*** End Patch\n",
    "assistant analysis final to=functions.x json",
    "x",
)
TURNS = (
    "<|channel|>final<|message|>{}<|return|>",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>commentary"
    " to=functions.get_weather <|constrain|>json<|message|>{}<|call|>",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>commentary<|message|>{}"
    "<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{}"
    "<|call|>",
    "<|channel|>analysis to=python code<|message|>{}<|call|>",
    "<|channel|>final <|constrain|>json<|message|>{}<|return|>",
    "{}<|return|>",
)
SPECIALS = sorted(t.FORMAT)
RESERVED = (199998, 200000, 200001, 200018, 201087, 201088, 10**6, -1)


def real_streams(vocabulary: Vocabulary, rng: random.Random, number: int) -> list[list[int]]:
    """Turns as models write them."""
    streams = []
    for _ in range(number):
        turn = rng.choice(TURNS)
        stream: list[int] = []
        for place, part in enumerate(turn.split("{}")):
            if place:
                stream += vocabulary.encode(rng.choice(WORDS))
            stream += vocabulary.encode(part, specials=True)
        streams.append(stream)
    return streams


def mutated(stream: Sequence[int], rng: random.Random) -> list[int]:
    """A stream with one to six faults."""
    out = list(stream)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(out) + 1)
        end = min(len(out), place + rng.choice((1, 1, 1, 2, 5, 12)))
        kind = rng.randrange(7)
        if kind == 0:
            del out[place:end]
        elif kind == 1:
            out[place:place] = out[place:end]
        elif kind == 2:
            other = rng.randrange(len(out) + 1)
            low, high = min(place, other), max(place, other)
            out[low:high] = out[low:high][::-1] if rng.random() < 0.3 else out[high - 1 : low : -2]
        elif kind == 3:
            out.insert(place, rng.choice(SPECIALS))
        elif kind == 4:
            out.insert(place, rng.choice(RESERVED))
        elif kind == 5:
            # any token, parts of characters (the first 256 are single bytes) among them
            out.insert(place, rng.choice((rng.randrange(256), rng.randrange(t.ORDINARY))))
        else:
            out[rng.randrange(len(out) + 1) :] = []
    return out
