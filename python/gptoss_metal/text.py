"""Tokens of a raw generation with the text each of them completed."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from contextlib import closing

from gptoss_metal.events import Token
from gptoss_metal.generation import Progress, Run, Sampled
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.stops import StopMatcher


class Spelling:
    """Gives tokens their text, and ends at a stop string.

    Tokens wait while their text may be part of a character or of a stop string. Specials other
    than the last stop token are written out, e.g. ``<|channel|>``.

    Args:
        progress: of the generation; its finish reason becomes ``stop`` at a stop string.
        vocabulary: None leaves all texts empty.
        stops: stop strings.
    """

    def __init__(
        self, progress: Progress, vocabulary: Vocabulary | None, stops: tuple[str, ...]
    ) -> None:
        self._progress = progress
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._matcher = StopMatcher(stops)
        self._waiting: list[Sampled] = []
        self._held = ""

    @property
    def over(self) -> bool:
        """Whether a stop string came; the generation should be cancelled."""
        return self._matcher.hit

    def feed(self, sampled: Sampled) -> list[Token]:
        """Takes the next token, and returns those whose text is certain."""
        self._waiting.append(sampled)
        if self._vocabulary is not None:
            text = self._decoder.decode(self._spelled(sampled.id, self._vocabulary))
            self._held += self._matcher.feed(text)
        if self.over:
            self._progress.finish_reason = "stop"
            return []
        last = self._progress.finish_reason is not None
        return [] if last or self._matcher.holds or self._decoder.getstate()[0] else self._release()

    def finish(self) -> list[Token]:
        """What is still held back, at the end."""
        self._held += self._matcher.feed(self._decoder.decode(b"", final=True))
        self._held += self._matcher.finish()
        return self._release()

    def _release(self) -> list[Token]:
        texts = [""] * (len(self._waiting) - 1) + [self._held]
        found = [
            Token(item.id, text, item.logprob, item.top_logprobs)
            for item, text in zip(self._waiting, texts, strict=False)
        ]
        self._waiting.clear()
        self._held = ""
        return found

    def _spelled(self, token: int, vocabulary: Vocabulary) -> bytes:
        if token < t.ORDINARY:
            return vocabulary.token_bytes(token)
        return b"" if self._progress.finish_reason == "stop" else t.name(token).encode()


def with_text(
    run: Run,
    sampled: Generator[Sampled, None, None],
    vocabulary: Vocabulary | None,
    stops: tuple[str, ...],
) -> Iterator[Token]:
    """Yields a token loop's tokens with their text; see `Spelling`."""
    spelling = Spelling(run.progress, vocabulary, stops)
    with closing(sampled):
        for item in sampled:
            yield from spelling.feed(item)
            if spelling.over:
                break
    yield from spelling.finish()
