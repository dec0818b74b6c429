"""The header of a harmony message: who speaks, on which channel, to whom, in what type.

A header stands between ``<|start|>`` and ``<|message|>``. `Header.read` accepts every header
openai-harmony accepts, and makes the best of those it does not: the first ``to=`` is the
recipient, the last ``<|channel|>`` wins, the last word is the content type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from gptoss_metal.harmony.tokens import CHANNELS

Section = Literal["role", "channel", "type"]

_RECIPIENT: Final = re.compile(r"to=([^\s{<]+)")
_ROLE: Final = re.compile(r"\s*[\w.:-]*\s*(to=.*)?", re.DOTALL)
_CONTENT_TYPES: Final = ("json", "code")
_MOST_SPARE: Final = 3
_FOREIGN: Final = frozenset({"user", "system", "developer", "tool"})
_NOT_TOOLS: Final = frozenset({"assistant", "user", "all"})


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says.

    Attributes:
        channel: one of ``analysis``, ``commentary``, ``final``.
        recipient: whom a call goes to (``functions.get_weather``, ``python``), or None.
        content_type: e.g. ``json``, without ``<|constrain|>``, or None.
        author: ``assistant``, or what a model wrote when it began to play another part.
        clean: False if openai-harmony would have refused or misread it.
    """

    channel: str
    recipient: str | None = None
    content_type: str | None = None
    author: str = "assistant"
    clean: bool = True

    @property
    def is_call(self) -> bool:
        """The recipient decides, on whatever channel the call was made."""
        return self.recipient is not None

    @property
    def is_reasoning(self) -> bool:
        """Whether the text is the model's thinking, not meant for the user."""
        return self.channel == "analysis" and self.recipient is None

    @classmethod
    def read(cls, sections: list[tuple[Section, str]]) -> Header:
        """Reads a header.

        Args:
            sections: its text, cut where ``<|channel|>`` (section "channel") and ``<|constrain|>``
                (section "type") stood; the first is the "role" section after ``<|start|>``.
        """
        role = sections[0][1]
        channels = [text for kind, text in sections if kind == "channel"]
        types = [text for kind, text in sections if kind == "type"]
        recipient = _recipient([text for _, text in sections])
        named = [_channel_of(text) for text in channels]
        channel = next((name for name in reversed(named) if name), None) or _channel_of(role)
        rest = [word for text in channels for word in _words(text) if word not in CHANNELS]
        kinds = [word for text in types for word in _words(text)] or rest
        author = _author(role)
        clean = (
            author == "assistant"
            and len(channels) == 1
            and named[0] is not None
            and channels[0].split()[0] == named[0]
            and len(types) <= 1
            and len(kinds) <= 1
            and not (types and rest)
            and _words(role) in ([], ["assistant"])
        )
        fallback = "commentary" if recipient else "final"
        kind = kinds[-1] if kinds else None
        return cls(channel or fallback, recipient, kind, author, clean)


def holds_text(sections: list[tuple[Section, str]]) -> bool:
    """Whether there are more words in a header than a header may have by mistake.

    A role, a channel, a recipient, a content type and three further words are a header; with more,
    an answer stands in it.
    """
    spare = _words(sections[0][1])[1:]
    for kind, text in sections[1:]:
        spare += [word for word in _words(text) if kind == "type" or word not in CHANNELS]
    return len(spare) - 1 > _MOST_SPARE


def looks_like_role(text: str) -> bool:
    """Whether text before a channel marker may be a role, not words of an answer."""
    return _ROLE.fullmatch(text) is not None


def opens_with_recipient(role: str) -> bool:
    """Whether a role section is nothing but ``assistant to=…`` and what follows."""
    return _RECIPIENT.match(role.removeprefix("assistant").lstrip()) is not None


def content_type(sections: list[tuple[Section, str]]) -> str | None:
    """The known content type that begins the last section, even if text follows it directly."""
    last = sections[-1][1].lstrip()
    return next((kind for kind in _CONTENT_TYPES if last.startswith(kind)), None)


def without_header_words(kind: Section, text: str, recipient: str | None) -> str:
    """What remains of a section when role, channel, recipient and content type are taken out."""
    if recipient is not None:
        text = text.replace(f"to={recipient}", "", 1)
    text = text.lstrip(" ") if kind != "role" or recipient is not None else text
    openers = {"role": ("assistant",), "channel": CHANNELS, "type": _CONTENT_TYPES}[kind]
    found = next((word for word in openers if text.startswith(word)), None)
    if found is None or (kind == "channel" and text[len(found) : len(found) + 1].isalnum()):
        return text
    rest = text[len(found) :]
    return rest if kind == "role" else rest.lstrip(" ")


def _recipient(texts: list[str]) -> str | None:
    for text in texts:
        for found in _RECIPIENT.findall(text):
            if found not in _NOT_TOOLS:
                return str(found)
    return None


def _words(text: str) -> list[str]:
    """Words of a section that are not a recipient."""
    return _RECIPIENT.sub(" ", text).split()


def _channel_of(text: str) -> str | None:
    for word in _words(text):
        bare = word.removeprefix("assistant")
        if bare in CHANNELS:
            return bare
    return None


def _author(role: str) -> str:
    words = _words(role)
    if not words:
        return "assistant"
    if words[0] in _FOREIGN or "to=assistant" in role:
        return words[0]
    return "assistant"
