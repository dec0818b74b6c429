"""``/v1/completions``: text is continued as it is, without harmony around it."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gptoss_metal.events import Token, Usage
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.sampling import MOST_LOGPROBS
from gptoss_metal.server.body import Fields, read_object
from gptoss_metal.server.openai.merge import merge
from gptoss_metal.server.openai.parts import Stamp, usage_body
from gptoss_metal.server.openai.sampling import (
    MOST_CHOICES,
    MOST_TOKENS,
    choice_sampling,
    read_sampling,
)
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.raw import RawDone, RawRequest
from gptoss_metal.server.served import Served
from gptoss_metal.server.shapes import openai_error
from gptoss_metal.server.streaming import SSE_COMMENT, Stream, sse, until_gone

DEFAULT_TOKENS: Final = 16
KIND: Final = "text_completion"
RawStream = AsyncGenerator[Token | RawDone, None]


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


@dataclass
class Told:
    """One choice so far."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    done: RawDone | None = None

    def add(self, token: Token) -> None:
        """Takes a token."""
        self.tokens.append(token)
        self.offsets.append(len(self.text))
        self.text += token.text


async def complete(request: Request, served: Served) -> Response:
    """Continues prompts, whole or as a stream.

    Raises:
        Problem: the request is refused.
    """
    asked = read_completion(await read_object(request), served)
    streams: list[RawStream] = []
    try:
        for turn in asked.turns:
            streams.append(await served.open_raw(turn))
    except BaseException:
        for stream in streams:
            await stream.aclose()
        raise
    stamp = Stamp(asked.turns[0].model, f"cmpl-{secrets.token_hex(16)}")
    if asked.stream:
        return Stream(_chunks(streams, asked, stamp, served), idle=SSE_COMMENT)
    told = await until_gone(request.receive, _collect(streams, asked))
    choices = [
        _choice(i, told[i], turn, served.model.vocabulary) for i, turn in enumerate(asked.turns)
    ]
    return JSONResponse(stamp.body(KIND, choices, usage=_usage(told, asked)))


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


async def _collect(streams: list[RawStream], asked: CompletionRequest) -> list[Told]:
    told = [Told(echo) for echo in asked.echoes]
    async with aclosing(merge(streams)) as tokens:
        async for number, item in tokens:
            if isinstance(item, RawDone):
                told[number].done = item
            else:
                told[number].add(item)
    return told


async def _chunks(
    streams: list[RawStream], asked: CompletionRequest, stamp: Stamp, served: Served
) -> AsyncGenerator[bytes, None]:
    vocabulary = served.model.vocabulary
    told = [Told(echo) for echo in asked.echoes]
    nothing = {"usage": None} if asked.include_usage else {}
    try:
        for number, echo in enumerate(asked.echoes):
            if echo:
                choice = _choice(number, Told(echo), asked.turns[number], vocabulary)
                yield _event(stamp.body(KIND, [choice], **nothing))
        async with aclosing(merge(streams)) as tokens:
            async for number, item in tokens:
                piece = Told("")
                if isinstance(item, RawDone):
                    piece.done = told[number].done = item
                else:
                    told[number].add(item)
                    piece.tokens, piece.text = [item], item.text
                    piece.offsets = told[number].offsets[-1:]
                choice = _choice(number, piece, asked.turns[number], vocabulary)
                yield _event(stamp.body(KIND, [choice], **nothing))
    except Exception as error:
        yield _event(openai_error(as_problem(error)))
        return
    if asked.include_usage:
        yield _event(stamp.body(KIND, [], usage=_usage(told, asked)))
    yield sse("[DONE]")


def _choice(number: int, told: Told, turn: RawRequest, vocabulary: Vocabulary) -> dict[str, Any]:
    reason = told.done.finish_reason if told.done is not None else None
    logprobs = None
    if turn.sampling.logprobs is not None:
        logprobs = {
            "tokens": [vocabulary.text([token.id]) for token in told.tokens],
            "token_logprobs": [token.logprob for token in told.tokens],
            "top_logprobs": [
                {vocabulary.text([id_]): logprob for id_, logprob in token.top_logprobs}
                for token in told.tokens
            ],
            "text_offset": told.offsets,
        }
    return {
        "index": number,
        "text": told.text,
        "logprobs": logprobs,
        "finish_reason": "stop" if reason == "cancelled" else reason,
    }


def _usage(told: Sequence[Told], asked: CompletionRequest) -> dict[str, Any]:
    """Usage of all choices; each prompt counts once, however many choices it has."""
    usages: list[Usage] = [choice.done.usage for choice in told if choice.done is not None]
    prompts = {id(turn.prompt): len(turn.prompt) for turn in asked.turns}
    body = usage_body(usages)
    body["prompt_tokens"] = sum(prompts.values())
    body["total_tokens"] = body["prompt_tokens"] + body["completion_tokens"]
    return body


def _event(body: dict[str, Any]) -> bytes:
    return sse(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
