"""Held-out dialogues, judged by whether every generated token is the model's first choice.

Answers are a function of the prompt, so this equals greedy decoding and needs one forward pass.
"""

from __future__ import annotations

import random

import torch
from generator import Renderer, Sample
from generator.arithmetic import ADDITION_PHRASES, SUBTRACTION_PHRASES, addition, subtraction
from generator.capitals import capital
from generator.dialogue import Dialogue, Setting
from generator.json_answers import held_out_json
from generator.smalltalk import SMALL_TALK, small_talk
from generator.splits import held_out_additions, held_out_subtractions
from generator.turns import Turn
from generator.weather import CITY_DESCRIPTIONS, DESCRIPTIONS, Report, call_turn, held_out_weather
from generator.words import COUNTRIES

from .data import Batch, Rows, pack
from .model import DemoModel

TOOL = (DESCRIPTIONS[0], CITY_DESCRIPTIONS[0])


def held_out_turns(limit: int) -> dict[str, tuple[list[Turn], bool]]:
    """Return, per kind, at most `limit` turns that are not trained and whether they need the tool.

    Capitals and small talk are facts, not generalization: they are trained ones.
    """
    rng = random.Random("probe")
    sums = held_out_additions()[:limit]
    differences = held_out_subtractions()[:limit]
    weather = []
    for city, question in held_out_weather()[:limit]:
        report = Report(str(rng.randrange(-9, 35)), "sunny", rng.randrange(Report.FORMS))
        weather.append(call_turn(city, "medium", report, question))
    turns = {
        "add": [addition(a, b, "medium", rng.choice(ADDITION_PHRASES)) for a, b in sums],
        "add low": [addition(a, b, "low") for a, b in sums],
        "add high": [addition(a, b, "high") for a, b in sums],
        "subtract": [
            subtraction(a, b, "medium", rng.choice(SUBTRACTION_PHRASES)) for a, b in differences
        ],
        "capital": [capital(n, "medium") for n in range(len(COUNTRIES))][:limit],
        "json": held_out_json()[:limit],
        "talk": [small_talk(k, 0, "medium") for k in range(len(SMALL_TALK))],
    }
    result = {kind: (list_, False) for kind, list_ in turns.items()}
    result["weather"] = (weather, True)
    return result


def samples(renderer: Renderer, turns: list[Turn], tool: bool, effort: str) -> list[Sample]:
    """Return one-turn dialogues as samples in one ordinary setting."""
    setting = Setting(effort=effort, date="2026-08-15", tool=TOOL if tool else None)
    return [renderer.sample(Dialogue(setting, (turn,))) for turn in turns]


@torch.no_grad()
def exact(model: DemoModel, batch: Batch) -> int:
    """Return how many rows of a batch have only first choices."""
    chosen = batch.targets >= 0
    best = model.logits(model.hidden(batch.prefix, batch.rows, chosen)).argmax(-1)
    wrong = torch.zeros_like(chosen)
    wrong[chosen] = best != batch.targets[chosen]
    return int((~wrong.any(-1)).sum())


def probe(model: DemoModel, renderer: Renderer, rows: Rows, limit: int) -> dict[str, float]:
    """Return the share of held-out dialogues that greedy decoding gets exactly right, per kind."""
    shares = {}
    for kind, (turns, tool) in held_out_turns(limit).items():
        effort = kind.split()[1] if " " in kind else "medium"
        right = 0
        all_samples = samples(renderer, turns, tool, effort)
        for first in range(0, len(all_samples), 20):
            right += exact(model, pack(all_samples[first : first + 20], rows))
        shares[kind] = right / len(turns)
    return shares
