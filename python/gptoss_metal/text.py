"""Tokens of a raw generation with the text each of them completed."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from contextlib import closing

from gptoss_metal.events import Token
from gptoss_metal.generation import Run, Sampled
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.stops import StopMatcher


def with_text(
    run: Run,
    sampled: Generator[Sampled, None, None],
    vocabulary: Vocabulary | None,
    stops: tuple[str, ...],
) -> Iterator[Token]:
    """Yields tokens with their text, and ends at a stop string.

    Tokens wait while their text may be part of a character or of a stop string. Specials other
    than the last stop token are written out, e.g. ``<|channel|>``.

    Args:
        run: its finish reason becomes ``stop`` at a stop string.
        sampled: the token loop.
        vocabulary: None leaves all texts empty.
        stops: stop strings.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    matcher = StopMatcher(stops)
    waiting: list[Sampled] = []

    def released(text: str) -> Iterator[Token]:
        for item in waiting[:-1]:
            yield Token(item.id, "", item.logprob, item.top_logprobs)
        for item in waiting[-1:]:
            yield Token(item.id, text, item.logprob, item.top_logprobs)
        waiting.clear()

    held = ""
    with closing(sampled):
        for item in sampled:
            waiting.append(item)
            if vocabulary is not None:
                held += matcher.feed(decoder.decode(_spelled(item.id, vocabulary, run)))
            if matcher.hit:
                run.progress.finish_reason = "stop"
                break
            going_on = run.progress.finish_reason is None
            if going_on and not matcher.holds and not decoder.getstate()[0]:
                yield from released(held)
                held = ""
    yield from released(held + matcher.feed(decoder.decode(b"", final=True)) + matcher.finish())


def _spelled(token: int, vocabulary: Vocabulary, run: Run) -> bytes:
    if token < t.ORDINARY:
        return vocabulary.token_bytes(token)
    return b"" if run.progress.finish_reason == "stop" else t.name(token).encode()
