"""The demo model, which talks sense, with harmony's grammar: eight conversations at once."""

from __future__ import annotations

import numpy as np

from gptoss_metal import Model
from gptoss_metal.engine import Engine, Job, Limits
from gptoss_metal.harmony.render import Renderer, Setting
from tests.engine.jobs import GREEDY, PATIENT, ids

QUESTIONS = [
    "What is 27 + 15?",
    "What is the capital of France?",
    "Name a colour.",
    "Say hello.",
    "What is 9 times 9?",
    "Who are you?",
    "Count to five.",
    "What is the opposite of hot?",
]


def jobs(model: Model) -> list[Job]:
    """One conversation for each question, as the server asks for it."""
    found = []
    for question in QUESTIONS:
        setting = Setting("medium", None, (), None, "2026-11-25")
        prompt = Renderer(model.vocabulary).prompt([{"role": "user", "content": question}], setting)
        found.append(
            Job(
                np.asarray(prompt.ids, np.int32),
                GREEDY,
                60,
                constraint=model.grammars.turn(),
                marks=tuple(prompt.marks),
            )
        )
    return found


def test_eight_conversations_say_what_each_says_alone(demo_model: Model) -> None:
    def engine() -> Engine:
        made = Engine(lambda: demo_model, Limits(cache_bytes=1 << 30))
        made.start()
        return made

    alone = []
    for job in jobs(demo_model):
        single = engine()
        alone.append(ids(single.submit(job)))
        single.close()
    together = engine()
    streams = [together.submit(job) for job in jobs(demo_model)]
    assert [ids(stream) for stream in streams] == alone
    assert together.wait_idle(PATIENT)
    assert any(len(step.decoded) >= 4 for step in together.recent_steps())
    again = [together.submit(job) for job in jobs(demo_model)]
    assert [ids(stream) for stream in again] == alone
    assert all(stream.progress.cached_tokens > 0 for stream in again)
    together.close()
