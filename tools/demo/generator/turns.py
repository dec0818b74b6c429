"""What one turn of a dialogue is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

EFFORTS = ("low", "medium", "high")


@dataclass(frozen=True)
class Analysis:
    """A message of the assistant on the analysis channel."""

    text: str


@dataclass(frozen=True)
class Final:
    """The assistant's answer, on the final channel; ends a turn."""

    text: str


@dataclass(frozen=True)
class Call:
    """A function call of the assistant: the function's bare name and its arguments as JSON."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Result:
    """What a function returned, as the client sends it back."""

    name: str
    text: str


Event = Analysis | Final | Call | Result


@dataclass(frozen=True)
class Turn:
    """A user's message and everything up to the final answer to it."""

    user: str
    events: tuple[Event, ...]
    topic: str = field(default="")

    @property
    def final(self) -> str:
        """The text of the answer."""
        last = self.events[-1]
        if not isinstance(last, Final):
            raise ValueError(f"the turn {self.user!r} does not end with an answer")
        return last.text


def answer(user: str, analysis: str, final: str, topic: str) -> Turn:
    """Return a turn without function calls."""
    return Turn(user, (Analysis(analysis), Final(final)), topic)
