"""What a parser may not lose, told by a reader of its own that knows only where headers stand.

Every ordinary token is either text or part of a header:

- Behind ``<|message|>``, up to the next ``<|start|>``, ``<|channel|>``, ``<|end|>`` or stop, all
  is text: exactly one message must have it, byte for byte (broken characters as U+FFFD).
- Elsewhere is a header. If ``<|message|>`` ends it, it may swallow a role, channels, recipients, a
  content type and three words besides, no more, and before the first marker a role alone, unless a
  recipient stands there; without ``<|message|>``, only the words that make headers. All other words
  must be in the messages that came of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.parser import Closed, Delta, Event, Opened, Parser
from gptoss_metal.harmony.vocabulary import Vocabulary

HEADER_WORDS = ("assistant", "analysis", "commentary", "final", "json", "code")
SWALLOWED = 5  # an unknown role, a content type, three words


@dataclass
class Reader:
    """Follows a stream beside the parser and notes what it should have said."""

    vocabulary: Vocabulary
    complaints: list[str] = field(default_factory=list)
    content: bytes | None = None
    header: list[bytes] = field(default_factory=lambda: [b"assistant"])
    told: list[str] = field(default_factory=list)
    streamed: str = ""

    def take(self, token: int, events: Sequence[Event]) -> None:
        """Notes a token, and what the parser made of it."""
        inside = self.content is not None
        closes = token in t.STOP or token in (t.START, t.END) or (inside and token == t.CHANNEL)
        texts = self._texts(events)
        if inside and closes:
            self._check_content(texts)
            self.header = [b"", b""] if token == t.CHANNEL else [b""]
            self.content, self.told = None, []
        elif inside:
            self.content = (self.content or b"") + self.vocabulary.token_bytes(token)
            assert not texts, "a message ended within its text"
        else:
            self.told += texts
            if token in (t.CHANNEL, t.CONSTRAIN):
                self.header.append(b"")
            elif token == t.MESSAGE or closes:
                self._check_header(SWALLOWED if token == t.MESSAGE else 0)
                self.content = b"" if token == t.MESSAGE else None
                self.header, self.told = [b""], []
            else:
                self.header[-1] += self.vocabulary.token_bytes(token)

    def finish(self, events: Sequence[Event]) -> None:
        """Notes what the parser made of the end."""
        texts = self._texts(events)
        if self.content is not None:
            self._check_content(texts)
        else:
            self.told += texts
            self._check_header(0)

    def _texts(self, events: Sequence[Event]) -> list[str]:
        texts = []
        for event in events:
            if isinstance(event, Opened):
                self.streamed = ""
            elif isinstance(event, Delta):
                self.streamed += event.text
            elif isinstance(event, Closed):
                if self.streamed != event.text:
                    self.complaints.append(f"streamed {self.streamed!r}, told {event.text!r}")
                texts.append(event.text)
        return texts

    def _check_content(self, texts: list[str]) -> None:
        expected = (self.content or b"").decode("utf-8", "replace")
        if texts != [expected]:
            self.complaints.append(f"{texts} instead of {expected!r}")

    def _check_header(self, allowed: int) -> None:
        header = [section.decode("utf-8", "replace") for section in self.header]
        text = "".join("".join(self.told).split())
        missing, at = [], 0
        role = len(header[0].split()) if "to=" not in header[0] else 0
        for number, word in enumerate(word for section in header for word in section.split()):
            rest = _without_header_words(word)
            places = [
                (text.find(part, at), len(part)) for part in (word, rest) if part in text[at:]
            ]
            if not places:
                missing.append(word)
                allowed = 0 if 0 < number < role else allowed
            elif rest:
                at = sum(min(places))
        if len(missing) > allowed or len(text) > len("".join("".join(header).split())):
            self.complaints.append(f"{missing} lost of {header}, told {self.told}")


def _without_header_words(word: str) -> str:
    """What remains of a word behind those that belong to headers; perhaps nothing."""
    return re.sub(rf"^(to=[^\s{{<]+|{'|'.join(HEADER_WORDS)})+", "", word)


def lost(vocabulary: Vocabulary, stream: Sequence[int]) -> list[str]:
    """What the parser lost of a stream, or said twice; empty if nothing."""
    parser, reader = Parser(vocabulary), Reader(vocabulary)
    for token in stream:
        if parser.stopped:
            break
        reader.take(token, parser.process(token))
    reader.finish(parser.finish())
    return reader.complaints
