"""What every API asks of the model: one turn, in one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.tools import BuiltIn as BuiltIn
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.harmony.tools import ToolChoice as ToolChoice
from gptoss_metal.preset import Preset
from gptoss_metal.sampling import Sampling


@dataclass(frozen=True)
class TurnRequest:
    """One turn.

    Attributes:
        model: as the client named it; decides the defaults (see `Served.open`).
        messages: Chat Completions' dictionaries, see `gptoss_metal.harmony.messages`.
        tools: functions and custom tools that the client runs, under the client's own names.
        tool_choice: which of them.
        builtins: tools that the server runs itself.
        response_format: ``json_object``, ``json_schema`` (as in Chat Completions), or None.
        reasoning_effort: ``low``, ``medium`` or ``high``; None for the model's default.
        instructions: for the developer message, before the messages' own.
        sampling: how tokens are chosen.
        given: the fields of `sampling` that the client set itself; an alias's defaults fill the
            others. None for those that differ from `Sampling`'s own defaults.
        context: the most tokens of prompt and answer together; None for the model's.
        max_tokens: the most to generate, reasoning included; None for what fits.
        truncate: drop the oldest turns of a conversation that is too long, instead of refusing it.
        max_tool_calls: the most calls of built-in tools; None for the server's own limit.
        keep_alive: seconds the model stays loaded after this turn; None for the server's setting,
            negative for ever.
    """

    model: str
    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    builtins: Sequence[BuiltIn] = ()
    response_format: Mapping[str, Any] | None = None
    reasoning_effort: str | None = None
    instructions: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    given: frozenset[str] | None = None
    context: int | None = None
    max_tokens: int | None = None
    truncate: bool = False
    max_tool_calls: int | None = None
    keep_alive: float | None = None

    def with_defaults(self, preset: Preset) -> TurnRequest:
        """This request with a preset's values for what it leaves open."""
        return replace(
            self,
            messages=preset.messages_with(self.messages, self.instructions),
            reasoning_effort=self.reasoning_effort or preset.reasoning_effort,
            sampling=preset.sampling_over(self.sampling, self.given),
            context=self.context or preset.num_ctx,
            max_tokens=self.max_tokens or preset.max_tokens,
        )
