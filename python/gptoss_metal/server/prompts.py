"""From an API's request to the engine's job: the prompt, what may be said, and the room for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gptoss_metal.engine.job import Job
from gptoss_metal.errors import Error
from gptoss_metal.harmony.grammar.unsupported import UnsupportedSchema
from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.render import Prompt, Renderer, Setting
from gptoss_metal.harmony.tools import Tool, ToolChoice
from gptoss_metal.server.loader import Card
from gptoss_metal.server.names import Names
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.raw import RawRequest
from gptoss_metal.server.replay import Replay
from gptoss_metal.server.request import TurnRequest

INSTRUCTING = ("system", "developer")
ROOM = 256
"""Tokens that a conversation leaves to the answer when its oldest turns are dropped."""


@dataclass(frozen=True)
class Prepared:
    """A turn that can begin.

    Attributes:
        request: what was asked.
        names: of its tools.
        tools: under the model's names.
        job: for the engine.
    """

    request: TurnRequest
    names: Names
    tools: Sequence[Tool]
    job: Job


def prepare(request: TurnRequest, card: Card, replay: Replay) -> Prepared:
    """Renders the prompt of a turn; it may take a second, so not on the event loop.

    Raises:
        Problem: the request cannot be read, or is too long.
    """
    context = min(card.context, request.context or card.context)
    try:
        names, setting = setting_of(request)
        constraint = card.grammars.turn(
            tools=setting.tools,
            builtins=request.builtins,
            tool_choice=_spoken(request.tool_choice, names, request),
            response_format=request.response_format,
        )
        messages = names.messages(replay.restore(request.messages))
        prompt = _prompt(messages, setting, card, context, request.truncate)
    except UnsupportedSchema as refused:
        raise Problem(str(refused), code="unsupported_schema", param=refused.param) from None
    except Problem:
        raise
    except Error as wrong:
        raise Problem(str(wrong), param=_param(str(wrong))) from None
    job = Job(
        prompt=np.asarray(prompt.ids, np.int32),
        sampling=request.sampling,
        limit=_limit(request.max_tokens, len(prompt.ids), context, card.context),
        constraint=constraint,
        marks=prompt.marks,
        keep_alive=request.keep_alive,
    )
    check_bias(request.sampling.logit_bias, card)
    return Prepared(request, names, setting.tools, job)


def setting_of(request: TurnRequest) -> tuple[Names, Setting]:
    """The model's names of a request's tools, and what its prompt says before the conversation.

    Raises:
        Error: the effort or a built-in tool is unknown.
    """
    names = Names(tool.name for tool in request.tools)
    setting = Setting(
        reasoning_effort=request.reasoning_effort or "medium",
        instructions=request.instructions,
        tools=names.tools(request.tools),
        response_format=request.response_format,
        builtins=request.builtins,
    )
    return names, setting


def prepare_raw(request: RawRequest, card: Card) -> Job:
    """The job of a raw continuation.

    Raises:
        Problem: it is too long, or a token is out of range.
    """
    check_bias(request.sampling.logit_bias, card)
    ids, vocab = request.prompt, card.config.vocab_size
    outside = next((token for token in ids if not 0 <= token < vocab), None)
    if outside is not None:
        raise Problem(
            f"[serve] token {str(outside)[:20]} is out of range. Try: ids from 0 to {vocab - 1}.",
            param="prompt",
        )
    check_length(len(ids), card.context, "prompt")
    return Job(
        prompt=np.asarray(ids, np.int32),
        sampling=request.sampling,
        limit=request.max_tokens,
        keep_alive=request.keep_alive,
    )


def check_length(length: int, context: int, param: str) -> None:
    """Raises Problem (context_length_exceeded) if a prompt leaves no room for an answer."""
    if length >= context:
        raise Problem(
            f"[serve] the prompt has {length} tokens, and the context {context} for prompt and "
            "answer. Try: a shorter conversation, or serve with a larger --context.",
            code="context_length_exceeded",
            param=param,
        )


def check_bias(bias: Mapping[int, float], card: Card) -> None:
    """Raises Problem if a logit bias names a token that the model does not have."""
    for token in bias:
        if not 0 <= token < card.config.vocab_size:
            raise Problem(
                f"[serve] logit_bias has the token {token}. "
                f"Try: ids from 0 to {card.config.vocab_size - 1}.",
                param="logit_bias",
            )


def _prompt(
    messages: Sequence[Message], setting: Setting, card: Card, context: int, truncate: bool
) -> Prompt:
    render = Renderer(card.vocabulary).prompt
    prompt = render(messages, setting)
    if truncate and len(prompt.ids) + ROOM > context:
        prompt = _shortened(messages, lambda kept: render(kept, setting), context, prompt)
    check_length(len(prompt.ids), context, "messages")
    return prompt


def _shortened(
    messages: Sequence[Message],
    render: Callable[[Sequence[Message]], Prompt],
    context: int,
    whole: Prompt,
) -> Prompt:
    """The prompt without its oldest turns, as few as need be; instructions stay.

    A turn is a user's message and all up to the next one, so no result loses its call.
    """
    begins = [number for number, m in enumerate(messages) if m.get("role") == "user"][1:]

    def without(turns: int) -> Prompt:
        first = begins[turns - 1]
        return render(
            [m for n, m in enumerate(messages) if n >= first or m.get("role") in INSTRUCTING]
        )

    low, high, best = 1, len(begins), None
    while low <= high:
        middle = (low + high) // 2
        tried = without(middle)
        if len(tried.ids) + ROOM <= context:
            best, high = tried, middle - 1
        else:
            low = middle + 1
    if best is None:
        return without(len(begins)) if begins else whole
    return best


def _limit(wanted: int | None, prompt: int, context: int, model: int) -> int | None:
    """A limit for the engine: the request's own, and the room its own context leaves."""
    if context >= model:
        return wanted
    room = context - prompt
    return room if wanted is None else min(wanted, room)


def _spoken(choice: ToolChoice, names: Names, request: TurnRequest) -> ToolChoice:
    if choice.names is None:
        return choice
    declared = {tool.name for tool in request.tools}
    return replace(
        choice,
        names=frozenset(names.spoken(n) if n in declared else n for n in choice.names),
    )


def _param(message: str) -> str | None:
    """The request's field that an error of the prompt is about."""
    starts = {"[chat]": "messages", "[tools]": "tools", "[tool_choice]": "tool_choice"}
    return next((param for start, param in starts.items() if message.startswith(start)), None)
