"""Which prompts are never trained, so that they can be measured."""

from __future__ import annotations

import random
from functools import lru_cache

ADDITIONS = 220
SUBTRACTIONS = 120


@lru_cache(maxsize=1)
def held_out_additions() -> tuple[tuple[int, int], ...]:
    """Return 220 pairs of two-digit operands that no training dialogue adds, in either order.

    The first is (27, 15).
    """
    rng = random.Random("additions")
    pairs = [(a, b) for a in range(10, 100) for b in range(10, a + 1) if (a, b) != (27, 15)]
    chosen = rng.sample(pairs, ADDITIONS - 1)
    return ((27, 15), *(pair if rng.random() < 0.5 else pair[::-1] for pair in chosen))


@lru_cache(maxsize=1)
def held_out_subtractions() -> tuple[tuple[int, int], ...]:
    """Return 120 pairs (a, b), a > b, both two-digit, of which no dialogue computes a - b."""
    rng = random.Random("subtractions")
    pairs = [(a, b) for a in range(10, 100) for b in range(10, a)]
    return tuple(rng.sample(pairs, SUBTRACTIONS))


@lru_cache(maxsize=1)
def _additions() -> frozenset[tuple[int, int]]:
    pairs = held_out_additions()
    return frozenset(pairs) | frozenset((b, a) for a, b in pairs)


@lru_cache(maxsize=1)
def _subtractions() -> frozenset[tuple[int, int]]:
    return frozenset(held_out_subtractions())


def is_held_out_addition(a: int, b: int) -> bool:
    """Say whether a + b must not be trained."""
    return (a, b) in _additions()


def is_held_out_subtraction(a: int, b: int) -> bool:
    """Say whether a - b (or b - a) must not be trained."""
    return (a, b) in _subtractions() or (b, a) in _subtractions()


def is_held_out_phrase(item: int, phrase: int) -> bool:
    """Say whether item number `item` (a city, a person) must not be asked for by phrase `phrase`.

    About one combination of eleven is held out; every item and every phrase is trained.
    """
    return (item * 7 + phrase * 3) % 11 == 0
