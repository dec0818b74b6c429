"""A Completions request: from JSON to generations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.sampling import MOST_LOGPROBS
from gptoss_metal.server.body import Fields
from gptoss_metal.server.openai.sampling import (
    MOST_CHOICES,
    MOST_TOKENS,
    choice_sampling,
    read_sampling,
)
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.raw import RawRequest
from gptoss_metal.server.served import Served

DEFAULT_TOKENS: Final = 16


@dataclass(frozen=True)
class CompletionRequest:
    """What a client asks of ``/v1/completions``.

    Attributes:
        turns: one for each choice: all of the first prompt, then of the second …
        echoes: text to put before each choice.
        stream: whether the answer comes in pieces.
        include_usage: whether the stream ends with a chunk of usage.
    """

    turns: list[RawRequest]
    echoes: list[str]
    stream: bool
    include_usage: bool


def read_completion(body: Mapping[str, Any], served: Served) -> CompletionRequest:
    """Reads a request.

    Raises:
        Problem: a field that cannot be; its `param` names it.
    """
    fields = Fields(body)
    model = fields.required("model")
    served.check_name(model)
    if fields.body.get("suffix"):
        raise Problem(
            "[serve] gpt-oss cannot fill in the middle. Try: without suffix.", param="suffix"
        )
    vocabulary = served.model.vocabulary
    prompts = _prompts(fields, vocabulary)
    logprobs = fields.integer("logprobs", 0, MOST_LOGPROBS)
    echo = fields.flag("echo")
    if echo and logprobs is not None:
        raise Problem(
            "[serve] a prompt's own log-probabilities are not told. Try: echo or logprobs.",
            param="echo",
        )
    sampling = read_sampling(fields, logprobs)
    limit = fields.integer("max_tokens", 1, MOST_TOKENS) or DEFAULT_TOKENS
    count = fields.integer("n", 1, MOST_CHOICES) or 1
    if fields.integer("best_of", 1, MOST_CHOICES) not in (None, count):
        raise Problem("[serve] best_of is not n. Try: n alone.", param="best_of")
    if count * len(prompts) > MOST_CHOICES:
        raise Problem(
            f"[serve] {count * len(prompts)} choices. Try: up to {MOST_CHOICES} in one request.",
            param="prompt",
        )
    turns = [
        RawRequest(model, ids, choice_sampling(sampling, i), limit)
        for ids in prompts
        for i in range(count)
    ]
    return CompletionRequest(
        turns=turns,
        echoes=[vocabulary.text(turn.prompt) if echo else "" for turn in turns],
        stream=fields.flag("stream"),
        include_usage=fields.inner("stream_options").flag("include_usage"),
    )


def _prompts(fields: Fields, vocabulary: Vocabulary) -> list[list[int]]:
    given = fields.body.get("prompt")
    many = given if isinstance(given, list) and not _is_ids(given) else [given]
    expected = "a string, a list of token ids, or a list of either"
    prompts = []
    for prompt in many:
        if isinstance(prompt, str):
            prompts.append(vocabulary.encode(prompt, specials=True))
        elif isinstance(prompt, list) and _is_ids(prompt):
            prompts.append(prompt)
        else:
            raise fields.wrong("prompt", expected)
        if not prompts[-1]:
            raise fields.wrong("prompt", "at least one token")
    if not prompts:
        raise fields.wrong("prompt", expected)
    return prompts


def _is_ids(value: Sequence[Any]) -> bool:
    return bool(value) and all(isinstance(i, int) and not isinstance(i, bool) for i in value)
