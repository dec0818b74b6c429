"""Completions' answers and chunks, from tokens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from gptoss_metal.events import Token, Usage
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.openai.completion_request import CompletionRequest
from gptoss_metal.server.openai.merge import merge
from gptoss_metal.server.openai.parts import Stamp, event, json_logprob, usage_body
from gptoss_metal.server.problem import as_problem
from gptoss_metal.server.raw import RawDone, RawRequest
from gptoss_metal.server.shapes import openai_error
from gptoss_metal.server.streaming import sse

KIND: Final = "text_completion"
RawStream = AsyncGenerator[Token | RawDone, None]


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


async def collect(streams: list[RawStream], asked: CompletionRequest) -> list[Told]:
    """Follows all choices to their end.

    Raises:
        Problem: one of them failed.
    """
    told = [Told(echo) for echo in asked.echoes]
    async with aclosing(merge(streams)) as tokens:
        async for number, item in tokens:
            if isinstance(item, RawDone):
                told[number].done = item
            else:
                told[number].add(item)
    return told


async def chunks(
    streams: list[RawStream], asked: CompletionRequest, stamp: Stamp, vocabulary: Vocabulary
) -> AsyncGenerator[bytes, None]:
    """The response's body: server-sent events, ``[DONE]`` last; an error object if one fails."""
    told = [Told(echo) for echo in asked.echoes]
    nothing = {"usage": None} if asked.include_usage else {}
    try:
        for number, echo in enumerate(asked.echoes):
            if echo:
                choice = _choice(number, Told(echo), asked.turns[number], vocabulary)
                yield event(stamp.body(KIND, [choice], **nothing))
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
                yield event(stamp.body(KIND, [choice], **nothing))
    except Exception as error:
        yield event(openai_error(as_problem(error)))
        return
    if asked.include_usage:
        yield event(stamp.body(KIND, [], usage=_usage(told, asked)))
    yield sse("[DONE]")


def answer(
    told: Sequence[Told], asked: CompletionRequest, stamp: Stamp, vocabulary: Vocabulary
) -> dict[str, Any]:
    """The response's body."""
    choices = [
        _choice(number, told[number], turn, vocabulary) for number, turn in enumerate(asked.turns)
    ]
    return stamp.body(KIND, choices, usage=_usage(told, asked))


def _choice(number: int, told: Told, turn: RawRequest, vocabulary: Vocabulary) -> dict[str, Any]:
    reason = told.done.finish_reason if told.done is not None else None
    logprobs = None
    if turn.sampling.logprobs is not None:
        logprobs = {
            "tokens": [vocabulary.text([token.id]) for token in told.tokens],
            "token_logprobs": [json_logprob(token.logprob) for token in told.tokens],
            "top_logprobs": [
                {vocabulary.text([id_]): json_logprob(value) for id_, value in token.top_logprobs}
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
