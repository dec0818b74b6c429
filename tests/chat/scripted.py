"""Turns whose tokens are prescribed: no model writes every malformed stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from gptoss_metal.chat import Turn
from gptoss_metal.events import Done, Event
from gptoss_metal.generation import Request, Run
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.sampling import Sampling
from gptoss_metal.sessions import SessionPool

VOCAB = 201088


class ScriptedSession:
    """A session whose likeliest next token is the next one of a script."""

    def __init__(self, script: list[int], on_step: Callable[[int], None] | None = None) -> None:
        self.context = 4096
        self.tokens: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._script = script
        self._at = 0
        self._on_step = on_step

    def sync(self, tokens: npt.NDArray[np.int32]) -> int:
        self.tokens = tokens
        return len(tokens)

    def step(self, token: int) -> None:
        self._at += 1
        if self._on_step is not None:
            self._on_step(self._at)

    def logits(self) -> npt.NDArray[np.float32]:
        logits = np.zeros(VOCAB, np.float32)
        logits[self._script[self._at]] = 1
        return logits

    def cancel(self) -> None:
        """The loop itself checks between tokens."""


def events_of(
    tokenizer: Vocabulary,
    script: str | list[int],
    *,
    stop: str | tuple[str, ...] = (),
    limit: int | None = None,
    logprobs: int | None = None,
    cancel_after: int | None = None,
    tools: Sequence[Tool] = (),
) -> list[Event]:
    """The events of a turn whose tokens are given, as ids or as text with specials."""
    ids = tokenizer.encode(script, specials=True) if isinstance(script, str) else script
    runs: list[Run] = []

    def on_step(number: int) -> None:
        if number == cancel_after:
            runs[0].cancel()

    session = ScriptedSession([*ids, t.END_OF_TEXT], on_step)
    run = Run(SessionPool(lambda: session))  # type: ignore[arg-type, return-value]
    runs.append(run)
    sampling = Sampling(temperature=0, stop=stop, logprobs=logprobs)
    request = Request(np.array([1, 2, 3], np.int32), sampling, limit, t.STOP, VOCAB)
    turn = Turn(run.progress, tokenizer, sampling.stops, tools)
    events = list(turn.events(run.sample(request)))
    assert isinstance(events[-1], Done)
    assert not any(isinstance(event, Done) for event in events[:-1])
    return events


def done(events: list[Event]) -> Done:
    """The last event."""
    last = events[-1]
    assert isinstance(last, Done)
    return last


def text_of(events: list[Event], kind: type[Event]) -> str:
    """All text of one kind of event."""
    return "".join(event.text for event in events if isinstance(event, kind))  # type: ignore[union-attr]
