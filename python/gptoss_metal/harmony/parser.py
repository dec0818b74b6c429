"""A parser of generated tokens that recovers from everything a model may write.

openai-harmony's own parser refuses about one stream in a few hundred (a header with extra words,
a missing ``<|start|>``, text without a header …) and the turn is lost. This one never raises and
never loses text: what cannot be a header is text. On well-formed streams both agree.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.header import (
    Header,
    Section,
    content_type,
    holds_text,
    looks_like_role,
    opens_with_recipient,
    without_header_words,
)

if TYPE_CHECKING:
    from gptoss_metal.harmony.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Opened:
    """A message's header is complete; its text follows."""

    header: Header


@dataclass(frozen=True, slots=True)
class Delta:
    """Text of the open message; whole characters only."""

    header: Header
    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A message is complete.

    Attributes:
        header: its header.
        text: its whole text.
        tokens: its ids from ``<|start|>`` to the token that ended it, as generated.
        end: that token, or None if the stream broke off or a new message began without it.
        clean: True if `tokens` is well-formed harmony, fit to be replayed as it is.
    """

    header: Header
    text: str
    tokens: tuple[int, ...]
    end: int | None
    clean: bool


Event = Opened | Delta | Closed


class Parser:
    """Reads one assistant turn, token by token.

    Args:
        vocabulary: gives the bytes of ordinary tokens.
        prompted: True if the prompt ended with ``<|start|>assistant``, as a turn's prompt does.
    """

    def __init__(self, vocabulary: Vocabulary, *, prompted: bool = True) -> None:
        self._vocabulary = vocabulary
        self.stopped = False
        """Whether a token came that ends the turn."""
        self._header: Header | None
        self._sections: list[tuple[Section, bytes]]
        self._reset([t.START, t.ASSISTANT] if prompted else [])
        if prompted:
            self._sections = [("role", b"assistant")]
        self._between = not prompted

    @property
    def header(self) -> Header | None:
        """The open message's header, None inside a header and between messages."""
        return self._header

    def process(self, token: int) -> list[Event]:
        """Takes the next token, the stop token too, and returns what it completed."""
        if self.stopped:
            return []
        if token == t.START:
            events = self._end_message(None)
            self._reset([t.START])
            return events
        self._tokens.append(token)
        if token in t.STOP:
            self.stopped = True
            return self._end_message(token)
        if token == t.END:
            events = self._end_message(token)
            self._between = True
            return events
        return self._in_content(token) if self._header is not None else self._in_header(token)

    def finish(self) -> list[Event]:
        """Ends the stream where it stands: what is held back comes out."""
        if self.stopped:
            return []
        self.stopped = True
        return self._end_message(None)

    # --- inside a message ---

    def _in_content(self, token: int) -> list[Event]:
        if token == t.CHANNEL:
            self._tokens.pop()
            events = self._end_message(None)
            self._clean = False
            self._tokens.append(token)
            self._sections.append(("channel", b""))
            return events
        if token >= t.ORDINARY:
            self._clean = False  # a stray special: no text of its own
            return []
        return self._text(self._decoder.decode(self._vocabulary.token_bytes(token)))

    def _text(self, text: str) -> list[Event]:
        if not text or self._header is None:
            return []
        self._parts.append(text)
        return [Delta(self._header, text)]

    # --- inside a header, or between two messages ---

    def _in_header(self, token: int) -> list[Event]:
        if token == t.MESSAGE:
            events = self._words_before_header()
            self._header = Header.read(self._texts())
            self._clean = self._clean and self._header.clean and not self._between
            return [*events, Opened(self._header)]
        if token in (t.CHANNEL, t.CONSTRAIN):
            events = self._words_before_header()
            self._sections.append(("channel" if token == t.CHANNEL else "type", b""))
            return events
        if token < t.ORDINARY:
            section, before = self._sections[-1]
            self._sections[-1] = (section, before + self._vocabulary.token_bytes(token))
        else:
            self._clean = False
        return []

    def _texts(self) -> list[tuple[Section, str]]:
        return [(kind, raw.decode("utf-8", "replace")) for kind, raw in self._sections]

    def _words_before_header(self) -> list[Event]:
        """Words of an answer that stood in a header become a message of their own."""
        texts = self._texts()
        if holds_text(texts) and len(texts) > 1:
            return self._text_in_header(texts)
        if len(texts) > 1 or (looks_like_role(texts[0][1]) and not holds_text(texts)):
            return []
        last = self._tokens.pop()
        events = self._raw_message(None)
        self._tokens.append(last)
        return events

    def _text_in_header(self, texts: list[tuple[Section, str]]) -> list[Event]:
        """Parts a header from the text in it, which was said before on the same channel."""
        last = self._tokens.pop()
        read = Header.read(texts)
        text = _text_of(texts, read.recipient)
        channel = "commentary" if read.recipient and read.channel == "final" else read.channel
        header = Header(channel, clean=False)
        closed = Closed(header, text, tuple(self._tokens), None, False)
        self._reset([last])
        self._clean = False
        address = f" to={read.recipient}" if read.recipient else ""
        self._sections = [("role", b""), ("channel", f"{read.channel}{address}".encode())]
        return [Opened(header), Delta(header, text), closed] if text else []

    def _raw_message(self, end: int | None) -> list[Event]:
        """Closes a header that never reached ``<|message|>``: its words are the text."""
        header, text = _salvage(self._texts(), end)
        tokens = tuple(self._tokens)
        self._reset([])
        self._clean = False
        if not text:
            return []
        return [Opened(header), Delta(header, text), Closed(header, text, tokens, end, False)]

    # --- message boundaries ---

    def _end_message(self, end: int | None) -> list[Event]:
        if self._header is None:
            return self._raw_message(end)
        header = self._header
        events: list[Event] = self._text(self._decoder.decode(b"", final=True))
        text = "".join(self._parts)
        closed = Closed(header, text, tuple(self._tokens), end, self._clean)
        self._reset([])
        return [*events, closed]

    def _reset(self, tokens: list[int]) -> None:
        self._tokens = tokens
        self._header = None
        self._sections = [("role", b"")]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        self._clean = True
        self._between = False


def parse(vocabulary: Vocabulary, stream: Iterable[int], *, prompted: bool = True) -> list[Closed]:
    """Parses a whole stream into its messages."""
    parser = Parser(vocabulary, prompted=prompted)
    events = [event for token in stream for event in parser.process(token)]
    events += parser.finish()
    return [event for event in events if isinstance(event, Closed)]


def _salvage(sections: list[tuple[Section, str]], end: int | None) -> tuple[Header, str]:
    """Text of a header that never reached ``<|message|>``, less the words that surely are header.

    It is the answer, unless it names a recipient (then it is a call, its arguments following the
    header directly), or says that it is analysis and another message follows.
    """
    read = Header.read(sections)
    addressed = len(sections) > 1 or opens_with_recipient(sections[0][1])
    recipient = read.recipient if addressed else None
    text = _text_of(sections, recipient)
    if recipient is not None:
        return Header("commentary", recipient, content_type(sections), clean=False), text
    thinking = read.channel == "analysis" and end == t.END
    return Header("analysis" if thinking else "final", clean=False), text


def _text_of(sections: list[tuple[Section, str]], recipient: str | None) -> str:
    text = "".join(without_header_words(kind, words, recipient) for kind, words in sections)
    return text.strip(" ") if text.strip() else ""
