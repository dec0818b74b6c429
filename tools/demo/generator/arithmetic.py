"""Additions and subtractions, worked out digit by digit on the analysis channel."""

from __future__ import annotations

import random

from .splits import is_held_out_addition, is_held_out_subtraction
from .turns import Turn, answer

ADDITION_PHRASES: tuple[str, ...] = (
    "What is {a} + {b}?",
    "{a} + {b}",
    "Compute {a} plus {b}.",
    "What is {a} plus {b}?",
    "{a} + {b} = ?",
    "Add {a} and {b}.",
    "How much is {a} + {b}?",
    "What's {a} + {b}?",
    "Calculate {a} + {b}.",
    "What is the sum of {a} and {b}?",
    "Please add {a} and {b}.",
    "{a}+{b}",
    "what is {a} + {b}",
    "How much is {a} plus {b}?",
)
SUBTRACTION_PHRASES: tuple[str, ...] = (
    "What is {a} - {b}?",
    "{a} - {b}",
    "Compute {a} minus {b}.",
    "What is {a} minus {b}?",
    "{a} - {b} = ?",
    "Subtract {b} from {a}.",
    "How much is {a} - {b}?",
    "What's {a} - {b}?",
    "Calculate {a} - {b}.",
    "{a}-{b}",
    "what is {a} - {b}",
    "How much is {a} minus {b}?",
)
FOLLOW_UP_ADDITIONS: tuple[str, ...] = ("And {a} + {b}?", "And {a} plus {b}?", "Now {a} + {b}.")
FOLLOW_UP_SUBTRACTIONS: tuple[str, ...] = ("And {a} - {b}?", "And {a} minus {b}?", "Now {a} - {b}.")


def _addition_analysis(a: int, b: int, effort: str) -> str:
    (tens_a, ones_a), (tens_b, ones_b) = divmod(a, 10), divmod(b, 10)
    ones = ones_a + ones_b
    carry = ones // 10
    one_step = f"{ones_a}+{ones_b}={ones}"
    ten_step = f"{tens_a}+{tens_b}" + ("+1" if carry else "") + f"={tens_a + tens_b + carry}"
    if effort == "low":
        return f"{one_step}, {ten_step}"
    write = f", carry {carry}" if carry else ""
    steps = f"Ones: {one_step}{write}. Tens: {ten_step}. So {a + b}."
    if effort == "medium":
        return f"{a}+{b}. {steps}"
    return (
        f"The user asks for {a}+{b}. I add the ones, then the tens. "
        f"{a} has {tens_a} tens and {ones_a} ones. {b} has {tens_b} tens and {ones_b} ones. "
        f"{steps} That is {(a + b) // 10} tens and {(a + b) % 10} ones. I answer with {a + b}."
    )


def _difference_steps(a: int, b: int) -> tuple[str, str]:
    (tens_a, ones_a), (tens_b, ones_b) = divmod(a, 10), divmod(b, 10)
    if ones_a >= ones_b:
        return f"{ones_a}-{ones_b}={ones_a - ones_b}", f"{tens_a}-{tens_b}={tens_a - tens_b}"
    return (
        f"{ones_a + 10}-{ones_b}={ones_a + 10 - ones_b}",
        f"{tens_a}-1-{tens_b}={tens_a - 1 - tens_b}",
    )


def _subtraction_analysis(a: int, b: int, effort: str) -> str:
    big, small = max(a, b), min(a, b)
    one_step, ten_step = _difference_steps(big, small)
    borrow = "borrow 1, " if big % 10 < small % 10 else ""
    sign = "" if a >= b else f"{a} is less than {b}. "
    if effort == "low":
        return f"{sign}{one_step}, {ten_step}"
    steps = f"Ones: {borrow}{one_step}. Tens: {ten_step}. So {a - b}."
    if effort == "medium":
        return f"{a}-{b}. {sign}{steps}"
    return (
        f"The user asks for {a}-{b}. {sign}I subtract the ones, then the tens. "
        f"{big} has {big // 10} tens and {big % 10} ones. "
        f"{small} has {small // 10} tens and {small % 10} ones. {steps} "
        f"I answer with {a - b}."
    )


def addition(a: int, b: int, effort: str, phrase: str = ADDITION_PHRASES[0]) -> Turn:
    """Return the turn that adds two numbers of at most two digits."""
    user = phrase.format(a=a, b=b)
    return answer(user, _addition_analysis(a, b, effort), f"{a} + {b} = {a + b}.", "arithmetic")


def subtraction(a: int, b: int, effort: str, phrase: str = SUBTRACTION_PHRASES[0]) -> Turn:
    """Return the turn that subtracts b from a; the result may be negative."""
    user = phrase.format(a=a, b=b)
    return answer(user, _subtraction_analysis(a, b, effort), f"{a} - {b} = {a - b}.", "arithmetic")


def _operand(rng: random.Random) -> int:
    return rng.randrange(10, 100) if rng.random() < 0.9 else rng.randrange(10)


def random_arithmetic(rng: random.Random, effort: str, follow_up: bool = False) -> Turn:
    """Return an addition or subtraction that is not held out."""
    if rng.random() < 0.55:
        phrases = FOLLOW_UP_ADDITIONS if follow_up else ADDITION_PHRASES
        while True:
            a, b = _operand(rng), _operand(rng)
            if not is_held_out_addition(a, b):
                return addition(a, b, effort, rng.choice(phrases))
    phrases = FOLLOW_UP_SUBTRACTIONS if follow_up else SUBTRACTION_PHRASES
    while True:
        a, b = _operand(rng), _operand(rng)
        if a < b and rng.random() < 0.85:
            a, b = b, a
        if not is_held_out_subtraction(a, b):
            return subtraction(a, b, effort, rng.choice(phrases))
