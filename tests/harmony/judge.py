"""Whether a turn is well-formed harmony, by openai-harmony's strict parser and by ours."""

from __future__ import annotations

from collections.abc import Sequence

import openai_harmony as oh

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.streams import Said, read

MISREAD = "<|constrain|>json"
"""openai-harmony takes the content type of ``final <|constrain|>json`` for a recipient."""


def fault(vocabulary: Vocabulary, stream: Sequence[int]) -> str:
    """What is wrong with a turn, empty if nothing is; a turn that was cut may end anywhere.

    Both parsers must read the same messages, and ours must find each of them clean.
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
    return f"not clean: {unclean}" if unclean else ""


def _said(message: oh.Message) -> Said:
    content = message.content[0]
    assert isinstance(content, oh.TextContent)
    kind = message.content_type
    kind = kind.removeprefix("<|constrain|>").strip() if kind else None
    if message.channel == "final" and message.recipient in (MISREAD, "json"):
        return Said("final", content.text, None, "json")
    return Said(message.channel or "", content.text, message.recipient, kind)
