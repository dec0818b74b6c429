"""Whether a turn is well-formed harmony, by openai-harmony's strict parser and by ours."""

from __future__ import annotations

import re
from collections.abc import Sequence

import openai_harmony as oh

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.streams import Said, read

MISREAD = "<|constrain|>json"
"""openai-harmony takes the content type of ``final <|constrain|>json`` for a recipient."""


_WORDS = ("assistant", "analysis", "commentary", "final", "json", "code")
_ADDRESS = re.compile(r"t|to|to=[\w.-]*")


def fault(vocabulary: Vocabulary, stream: Sequence[int]) -> str:
    """What is wrong with a turn, empty if nothing is; a turn that was cut may end anywhere.

    Both parsers must read the same messages, and ours must find each of them clean. A header that
    was cut must be the beginning of one.
    """
    strange = [token for token in stream if token >= t.ORDINARY and token not in t.FORMAT]
    if strange:
        return f"reserved tokens {strange}"
    parser = oh.StreamableParser(vocabulary.encoding, role=oh.Role.ASSISTANT, strict=True)
    try:
        for token in stream:
            parser.process(token)
    except oh.HarmonyError as problem:
        return f"openai-harmony: {problem}"
    theirs = [_said(message) for message in parser.messages]
    ours = read(vocabulary, list(stream))
    if stream[-1] not in t.STOP | {t.END}:
        ours = ours[: len(theirs)]  # the last message was cut
    mine = [Said(m.header.channel, m.text, m.header.recipient, m.header.content_type) for m in ours]
    if mine != theirs:
        return f"read as {theirs} and as {mine}"
    unclean = [message for message in ours if not message.clean]
    return f"not clean: {unclean}" if unclean else _strange_header(vocabulary, stream)


def _strange_header(vocabulary: Vocabulary, stream: Sequence[int]) -> str:
    """What is wrong with a header that was cut; empty if the stream does not end in one."""
    begin = max((at for at, token in enumerate(stream) if token == t.START), default=-1) + 1
    header = list(stream[begin:])
    if t.MESSAGE in header or (header[-1:] and header[-1] in t.STOP | {t.END}):
        return ""
    text = re.sub(r"<\|\w+\|>", " ", vocabulary.text(header))
    wrong = [
        word
        for word in text.split()
        if not (_ADDRESS.fullmatch(word) or any(known.startswith(word) for known in _WORDS))
    ]
    return f"a header with {wrong}" if wrong else ""


def _said(message: oh.Message) -> Said:
    content = message.content[0]
    assert isinstance(content, oh.TextContent)
    kind = message.content_type
    kind = kind.removeprefix("<|constrain|>").strip() if kind else None
    if message.channel == "final" and message.recipient in (MISREAD, "json"):
        return Said("final", content.text, None, "json")
    return Said(message.channel or "", content.text, message.recipient, kind)
