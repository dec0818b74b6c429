"""The parser: openai_harmony as its oracle on good streams, and its recovery on all others."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss_metal.harmony import parser
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.header import Header
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.streams import SPECIALS, Said, ids, oracle, read, said

SLOW_FIXTURE = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
THOUGHT = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"

# What the model wrote, and what must be understood (docs of openai_harmony 0.0.8's failures).
RECOVERIES = {
    "no header": ("I'm sorry, I can't.<|return|>", [Said("final", "I'm sorry, I can't.")]),
    "no header, cut off": ("I'm sorry", [Said("final", "I'm sorry")]),
    "second message without header": (
        THOUGHT + "<|channel|>final The answer.<|return|>",
        [Said("analysis", "Hm."), Said("final", "The answer.")],
    ),
    "second message without anything": (
        THOUGHT + " The answer is 4.<|return|>",
        [Said("analysis", "Hm."), Said("final", "The answer is 4.")],
    ),
    "analysis without message marker goes on": (
        "<|channel|>analysis I think.<|end|><|start|>assistant"
        "<|channel|>final<|message|>4<|return|>",
        [Said("analysis", "I think."), Said("final", "4")],
    ),
    "extra words": (
        "<|channel|>commentary to=functions.x some junk <|constrain|>json<|message|>{}<|call|>",
        [Said("commentary", "{}", "functions.x", "json")],
    ),
    "extra words before the channel": (
        " to=functions.x some junk<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
        [Said("commentary", "{}", "functions.x", "json")],
    ),
    "missing start": (
        "<|channel|>analysis<|message|>Hm.<|end|>assistant<|channel|>final<|message|>4<|return|>",
        [Said("analysis", "Hm."), Said("final", "4")],
    ),
    "redundant stop": (
        "<|channel|>final<|message|>4<|end|><|return|>",
        [Said("final", "4")],
    ),
    "redundant end": (
        "<|channel|>final<|message|>4<|end|><|end|><|return|>",
        [Said("final", "4")],
    ),
    "empty channel": ("<|channel|><|message|>4<|return|>", [Said("final", "4")]),
    "unknown role": (
        "assistant<|channel|>final<|message|>4<|return|>",
        [Said("final", "4")],
    ),
    "unknown role of a second message": (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistantassistant<|channel|>final"
        "<|message|>4<|return|>",
        [Said("analysis", "Hm."), Said("final", "4")],
    ),
    "missing end before start": (
        "<|channel|>analysis<|message|>Hm.<|start|>assistant<|channel|>final<|message|>4<|return|>",
        [Said("analysis", "Hm."), Said("final", "4")],
    ),
    "missing end before channel": (
        "<|channel|>analysis<|message|>Hm.<|channel|>final<|message|>4<|return|>",
        [Said("analysis", "Hm."), Said("final", "4")],
    ),
    "end of text": ("<|channel|>final<|message|>4<|endoftext|>", [Said("final", "4")]),
    "end of text in a header": ("<|channel|>final<|endoftext|>", []),
    "structured output": (
        "<|channel|>final <|constrain|>json<|message|>{}<|return|>",
        [Said("final", "{}", None, "json")],
    ),
    "two channels": (
        "<|channel|>commentary<|channel|>analysis<|message|>Hm.<|return|>",
        [Said("analysis", "Hm.")],
    ),
    "channel without its marker": (
        "commentary to=functions.x<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
        [Said("commentary", "{}", "functions.x", "json")],
    ),
    "call on analysis": (
        "<|channel|>analysis to=functions.x <|constrain|>json<|message|>{}<|call|>",
        [Said("analysis", "{}", "functions.x", "json")],
    ),
    "call on final": (
        "<|channel|>final to=functions.x<|message|>{}<|call|>",
        [Said("final", "{}", "functions.x")],
    ),
    "call without message marker": (
        '<|channel|>commentary to=functions.x <|constrain|>json{"a": 1}<|call|>',
        [Said("commentary", '{"a": 1}', "functions.x", "json")],
    ),
    "answer, then a header": (
        "Well, I think so.<|channel|>final<|message|>4<|return|>",
        [Said("final", "Well, I think so."), Said("final", "4")],
    ),
    "words about to=": ("Set it to=5 now.<|return|>", [Said("final", "Set it to=5 now.")]),
    "answer in a header": (
        "<|channel|>final The answer is that it rains.<|message|> More.<|return|>",
        [Said("final", "The answer is that it rains."), Said("final", " More.")],
    ),
    "thought in a header": (
        "<|channel|>analysis I think that it is four.<|channel|>final<|message|>4<|return|>",
        [Said("analysis", "I think that it is four."), Said("final", "4")],
    ),
    "words in the header of a call": (
        "<|channel|>commentary to=functions.x I will now call it, yes <|constrain|>json"
        "<|message|>{}<|call|>",
        [
            Said("commentary", "I will now call it, yes"),
            Said("commentary", "{}", "functions.x", "json"),
        ],
    ),
    "nothing": ("<|return|>", []),
}


@pytest.mark.parametrize("case", RECOVERIES)
def test_recovers(tokenizer: Vocabulary, case: str) -> None:
    stream, expected = RECOVERIES[case]
    assert said(tokenizer, stream) == expected


@pytest.mark.parametrize("case", RECOVERIES)
def test_repaired_messages_are_not_replayed(tokenizer: Vocabulary, case: str) -> None:
    """Whatever counts as clean is read alike by openai_harmony when it is replayed."""
    for message in read(tokenizer, ids(tokenizer, RECOVERIES[case][0])):
        if message.clean:
            body = message.tokens if message.end is None else message.tokens[:-1]
            replayed = oracle(tokenizer, [*body[2:], t.END])
            kinds = {Said("final", "{}", "<|constrain|>json", None)}  # its misreading
            header = message.header
            wanted = Said(header.channel, message.text, header.recipient, header.content_type)
            assert replayed == [wanted] or set(replayed) == kinds


def test_reserved_ids_are_not_text(tokenizer: Vocabulary) -> None:
    stream = ids(tokenizer, "<|channel|>final<|message|>4")
    got = read(tokenizer, [*stream, 200000, 201087, 201088, 10**6, *ids(tokenizer, "2<|return|>")])
    assert [(m.text, m.clean) for m in got] == [("42", False)]


def test_after_the_stop_nothing_counts(tokenizer: Vocabulary) -> None:
    got = said(tokenizer, "<|channel|>final<|message|>4<|return|><|start|>user<|message|>x<|end|>")
    assert got == [Said("final", "4")]


def test_another_author_is_told(tokenizer: Vocabulary) -> None:
    stream = "<|channel|>final<|message|>4<|end|><|start|>user<|message|>Thanks<|end|>"
    assert [m.header.author for m in read(tokenizer, ids(tokenizer, stream))] == [
        "assistant",
        "user",
    ]
    stream = THOUGHT.removesuffix("assistant") + "functions.x to=assistant<|channel|>commentary"
    got = read(tokenizer, ids(tokenizer, stream + "<|message|>sunny<|end|>"))
    assert [m.header.author for m in got] == ["assistant", "functions.x"]


def test_characters_arrive_whole(tokenizer: Vocabulary) -> None:
    text = "🧑‍🚀 ｶﾞ 한국어 é \U0001f9ff"
    stream = ids(tokenizer, f"<|channel|>final<|message|>{text}<|return|>")
    assert any("�" in tokenizer.text([token]) for token in stream)
    assert [m.text for m in read(tokenizer, stream)] == [text]


def test_half_a_character_at_the_end_is_shown_as_broken(tokenizer: Vocabulary) -> None:
    stream = ids(tokenizer, "<|channel|>final<|message|>\U0001f9ff")
    assert [m.text for m in read(tokenizer, [*stream[:-1], t.RETURN])] == ["�"]


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


@dataclass(frozen=True)
class Plain:
    """Text in which nothing is special."""

    text: str


def encoded(tokenizer: Vocabulary, part: str | Plain) -> list[int]:
    return tokenizer.encode(part.text) if isinstance(part, Plain) else ids(tokenizer, part)


@st.composite
def well_formed(draw: st.DrawFn) -> list[str | Plain]:
    """A turn as the model writes it when it makes no mistake."""
    parts: list[str | Plain] = []
    for _ in range(draw(st.integers(0, 3))):
        parts.append(f"<|channel|>{draw(st.sampled_from(['analysis', 'commentary']))}<|message|>")
        parts += [Plain(draw(WORDS)), "<|end|><|start|>assistant"]
    if draw(st.booleans()):
        parts += ["<|channel|>final<|message|>", Plain(draw(WORDS)), "<|return|>"]
    else:
        name, channel = draw(NAMES), draw(st.sampled_from(["analysis", "commentary"]))
        if draw(st.booleans()):
            parts.append(f" to=functions.{name}<|channel|>{channel} <|constrain|>json<|message|>")
        else:
            parts.append(f"<|channel|>{channel} to=functions.{name} <|constrain|>json<|message|>")
        parts += [Plain(draw(WORDS)), "<|call|>"]
    return parts


@given(turn=well_formed())
@SLOW_FIXTURE
def test_agrees_with_the_oracle(tokenizer: Vocabulary, turn: list[str | Plain]) -> None:
    stream = [token for part in turn for token in encoded(tokenizer, part)]
    got = read(tokenizer, stream)
    assert [
        Said(m.header.channel, m.text, m.header.recipient, m.header.content_type) for m in got
    ] == oracle(tokenizer, stream)
    assert all(message.clean for message in got)
    replayed = [token for message in got for token in message.tokens]
    assert replayed == [t.START, t.ASSISTANT, *stream]


HEADER_WORDS = ["assistant", "analysis", "final", "commentary", " to=functions.x", " json", "user"]
ANY_TOKEN = st.one_of(st.sampled_from(SPECIALS), st.sampled_from(SPECIALS), st.integers(-1, 201100))


@given(stream=st.lists(ANY_TOKEN, max_size=60), prompted=st.booleans())
@SLOW_FIXTURE
def test_garbage_never_raises(tokenizer: Vocabulary, stream: list[int], prompted: bool) -> None:
    read(tokenizer, stream, prompted=prompted)


@given(
    pieces=st.lists(
        st.one_of(
            st.sampled_from([t.NAMES[token] for token in SPECIALS]),
            st.sampled_from(HEADER_WORDS),
            st.from_regex(r"Keep [a-z]{3,8} of it!", fullmatch=True),
        ),
        max_size=25,
    )
)
@SLOW_FIXTURE
def test_sentences_are_never_lost(tokenizer: Vocabulary, pieces: list[str]) -> None:
    assert lost(tokenizer, pieces) == []


def lost(tokenizer: Vocabulary, pieces: list[str]) -> list[str]:
    """Words of an answer must survive any order of specials, unless they stand within a header."""
    stream = ids(tokenizer, "".join(pieces))
    text = "".join(message.text for message in read(tokenizer, stream))
    sentences = []
    in_header = False
    for piece in pieces:
        if piece in ("<|return|>", "<|call|>", "<|endoftext|>"):
            break
        if piece in ("<|channel|>", "<|constrain|>") or " to=" in piece:
            in_header = True
        elif piece in ("<|message|>", "<|end|>", "<|start|>"):
            in_header = False
        elif piece.startswith("Keep") and not in_header:
            sentences.append(piece)
    return [sentence for sentence in sentences if sentence not in text]


def test_a_parser_that_loses_text_is_noticed(
    tokenizer: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = ["<|start|>", "assistant", "Keep all of it!", "<|end|>"]
    assert lost(tokenizer, pieces) == []
    monkeypatch.setattr(parser, "_salvage", lambda sections, end: (Header("final"), ""))
    assert lost(tokenizer, pieces) == ["Keep all of it!"]
