"""Token streams written as text, and their reading by the parser and by its oracle."""

from __future__ import annotations

from dataclasses import dataclass

import openai_harmony as oh

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.parser import Closed, Delta, Parser
from gptoss_metal.harmony.vocabulary import Vocabulary


@dataclass(frozen=True)
class Said:
    """What a message said, for comparisons."""

    channel: str
    text: str
    recipient: str | None = None
    content_type: str | None = None


def ids(vocabulary: Vocabulary, text: str) -> list[int]:
    """Tokens of a text in which ``<|start|>`` and the like are special."""
    return vocabulary.encode(text, specials=True)


def read(vocabulary: Vocabulary, stream: list[int], *, prompted: bool = True) -> list[Closed]:
    """Parses a stream, and checks that what was streamed is what was closed."""
    parser = Parser(vocabulary, prompted=prompted)
    events = [event for token in stream for event in parser.process(token)] + parser.finish()
    closed = [event for event in events if isinstance(event, Closed)]
    deltas = [event.text for event in events if isinstance(event, Delta)]
    assert "".join(deltas) == "".join(message.text for message in closed)
    assert "" not in deltas
    return closed


def said(vocabulary: Vocabulary, text: str) -> list[Said]:
    """Parses a stream written as text."""
    return [
        Said(c.header.channel, c.text, c.header.recipient, c.header.content_type)
        for c in read(vocabulary, ids(vocabulary, text))
    ]


def oracle(vocabulary: Vocabulary, stream: list[int]) -> list[Said]:
    """The same by openai_harmony, which knows well-formed streams only."""
    parser = oh.StreamableParser(vocabulary.encoding, role=oh.Role.ASSISTANT, strict=False)
    for token in stream:
        parser.process(token)
    parser.process_eos()
    found = []
    for message in parser.messages:
        kind = message.content_type
        kind = kind.removeprefix("<|constrain|>").strip() if kind else None
        content = message.content[0]
        assert isinstance(content, oh.TextContent)
        found.append(Said(message.channel or "final", content.text, message.recipient, kind))
    return found


SPECIALS = sorted(t.FORMAT)
