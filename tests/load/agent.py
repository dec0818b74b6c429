"""An agent: a model that must call a tool in every turn, and a client that sends all back.

The client is OpenAI's own. It sends what a plain client sends: texts and calls, no tokens and, if
so wished, no reasoning.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import openai

READ = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Returns a file's text.",
        "parameters": {
            "type": "object",
            "properties": {"path": {"enum": ["a.py", "b.py", "c.py"]}},
            "required": ["path"],
            "additionalProperties": False,
        },
    },
}


def text_of_file(number: int, words: int) -> str:
    """A tool's result that occurs nowhere else, so that nothing of it can be cached."""
    return " ".join(f"line {number} {i}" for i in range(words))


@dataclass
class Turn:
    """What one turn cost, in tokens."""

    prompt: int
    cached: int
    completion: int

    @property
    def computed(self) -> int:
        """Tokens of the prompt that were prefilled."""
        return self.prompt - self.cached


@dataclass
class Agent:
    """One conversation.

    Attributes:
        client: of the server.
        keeps_reasoning: whether it sends the model's reasoning back.
    """

    client: openai.OpenAI
    keeps_reasoning: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def ask(self, text: str) -> None:
        """The user says something."""
        self.messages.append({"role": "user", "content": text})

    def call(self, result_words: int) -> Turn:
        """One turn: the model calls the tool and gets a result of about 3 tokens a word."""
        message = self._complete(tools=[READ], tool_choice="required")
        assert message.tool_calls
        for call in message.tool_calls:
            self.messages.append(
                {
                    "role": "tool",
                    "tool_call_id": call.id,
                    "content": text_of_file(len(self.messages), result_words),
                }
            )
        return self.turns[-1]

    def answer(self) -> Turn:
        """One turn without a call: the model answers the user."""
        self._complete(tools=[READ], tool_choice="none")
        return self.turns[-1]

    def _complete(self, **options: Any) -> Any:
        done = self.client.chat.completions.create(
            model="demo",
            messages=self.messages,  # type: ignore[arg-type]
            temperature=0,
            reasoning_effort="low",
            max_completion_tokens=200,
            **options,
        )
        usage = done.usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        cached = usage.prompt_tokens_details.cached_tokens or 0
        self.turns.append(Turn(usage.prompt_tokens, cached, usage.completion_tokens))
        message = done.choices[0].message
        kept = message.model_dump(exclude_none=True)
        if not self.keeps_reasoning:
            kept.pop("reasoning", None)
            kept.pop("reasoning_content", None)
        self.messages.append(kept)
        return message


def new_tokens(turns: list[Turn]) -> int:
    """Tokens after the first turn that no turn before had: neither read nor written."""
    return sum(
        now.prompt - before.prompt - before.completion for before, now in itertools.pairwise(turns)
    )


def computed(turns: list[Turn]) -> int:
    """Tokens prefilled after the first turn."""
    return sum(turn.computed for turn in turns[1:])
