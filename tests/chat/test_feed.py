"""The turn in push form, and what façades need of its events."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gptoss_metal.chat import Turn
from gptoss_metal.events import (
    CallDelta,
    CallOpened,
    Done,
    Event,
    FinishReason,
    Reasoning,
    Text,
    ToolCall,
)
from gptoss_metal.generation import Progress, Sampled
from gptoss_metal.harmony.tools import Tool
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.scripted import done, events_of, text_of
from tests.chat.streams import ids
from tests.chat.test_parser import RECOVERIES

THOUGHT = "<|channel|>analysis<|message|>{}<|end|><|start|>assistant"
PREAMBLE = "<|channel|>commentary<|message|>{}<|end|><|start|>assistant"
PATCH = Tool("apply_patch", freeform=True)


def fed(
    tokenizer: Vocabulary,
    stream: str | Sequence[int],
    *,
    stop: Sequence[str] = (),
    tools: Sequence[Tool] = (),
    end: FinishReason | None = None,
) -> list[Event]:
    """A turn's events when it is fed by hand."""
    progress = Progress()
    turn = Turn(progress, tokenizer, stop, tools)
    events: list[Event] = []
    for token in ids(tokenizer, stream) if isinstance(stream, str) else stream:
        progress.completion_tokens += 1
        events += turn.feed(Sampled(token, -1.0))
        if turn.over:
            assert turn.feed(Sampled(token)) == []
            break
    if end is None and not turn.over:
        progress.finish_reason = "stop"
    return events + turn.finish(end)


def plain(events: list[Event]) -> list[object]:
    """Events without what differs from run to run."""
    out: list[object] = []
    for event in events:
        if isinstance(event, Text | Reasoning):
            out.append((type(event), event.text, event.item, event.lead))
        elif isinstance(event, CallOpened | ToolCall):
            out.append((type(event), event.recipient, event.freeform))
        elif isinstance(event, CallDelta):
            out.append(event.text)
        elif isinstance(event, Done):
            out.append((event.finish_reason, event.message["content"], event.message["harmony"]))
    return out


@pytest.mark.parametrize("case", RECOVERIES)
def test_pushing_is_pulling(tokenizer: Vocabulary, case: str) -> None:
    stream = RECOVERIES[case][0]
    assert plain(fed(tokenizer, stream)) == plain(events_of(tokenizer, stream))


def test_the_turn_is_over_at_a_stop_string(tokenizer: Vocabulary) -> None:
    stream = "<|channel|>final<|message|>one two STOP three<|return|>"
    events = fed(tokenizer, stream, stop=["STOP"])
    assert text_of(events, Text) == "one two "
    assert done(events).finish_reason == "stop"


def test_a_reason_may_be_given(tokenizer: Vocabulary) -> None:
    events = fed(tokenizer, "<|channel|>final<|message|>one two", end="cancelled")
    assert done(events).finish_reason == "cancelled"
    assert done(events).message["content"] == "one two"
    call = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"
    cut = [event for event in fed(tokenizer, call, end="length") if isinstance(event, ToolCall)]
    assert [event.complete for event in cut] == [False]


def test_messages_have_numbers(tokenizer: Vocabulary) -> None:
    """So that an API whose answers are items can tell them apart, the blank line between too."""
    stream = (
        THOUGHT.format("One.") + PREAMBLE.format("Two.") + THOUGHT.format("\n\nThree.")
        + PREAMBLE.format("Four.") + "<|channel|>final<|message|>Five.<|return|>"
    )  # fmt: skip
    events = fed(tokenizer, stream)
    items: dict[int, str] = {}
    for event in events:
        if isinstance(event, Text | Reasoning):
            items[event.item] = items.get(event.item, "") + event.text[event.lead :]
            assert event.text[: event.lead] in ("", "\n\n")
    assert items == {0: "One.", 1: "Two.", 2: "\n\nThree.", 3: "Four.", 4: "Five."}
    assert done(events).message["content"] == "Two.\n\nFour.\n\nFive." == text_of(events, Text)
    assert done(events).message["reasoning"] == text_of(events, Reasoning)


def test_free_form_calls(tokenizer: Vocabulary) -> None:
    """Told from functions when they open; their argument is what the model wrote."""
    raw = "*** Begin Patch\n*** End Patch\n"
    stream = f"<|channel|>commentary to=functions.apply_patch code<|message|>{raw}<|call|>"
    for tools in ([PATCH], []):
        events = fed(tokenizer, stream, tools=tools)
        opened = next(event for event in events if isinstance(event, CallOpened))
        call = next(event for event in events if isinstance(event, ToolCall))
        kinds = [type(event) for event in events]
        assert kinds == [CallOpened, *[CallDelta] * (len(kinds) - 3), ToolCall, Done]
        assert "".join(e.text for e in events if isinstance(e, CallDelta)) == raw == call.arguments
        assert opened.id == call.id
        assert opened.freeform == call.freeform == bool(tools)
        made = done(events).message["tool_calls"][0]
        assert made["type"] == ("custom" if tools else "function")


def test_reasoning_tokens_are_those_of_its_text(tokenizer: Vocabulary) -> None:
    progress = Progress()
    turn = Turn(progress, tokenizer)
    stream = THOUGHT.format("I think so.") * 2 + "<|channel|>final<|message|>Yes.<|return|>"
    for token in ids(tokenizer, stream):
        turn.feed(Sampled(token))
    assert progress.reasoning_tokens == 2 * len(tokenizer.encode("I think so."))


@pytest.mark.parametrize("text", ["one two STOP three", "one \U0001f9ff S", "é STO", "one STOP"])
def test_log_probabilities_cover_the_text(tokenizer: Vocabulary, text: str) -> None:
    """Of final text only: neither headers, nor a stop string, nor what came before."""
    stream = [
        *ids(tokenizer, THOUGHT.format("Hm.") + PREAMBLE.format("Well.")),
        *ids(tokenizer, "<|channel|>final<|message|>"),
        *tokenizer.encode(text),
        *ids(tokenizer, "<|return|>"),
    ]
    events = fed(tokenizer, stream, stop=["STOP"])
    told = [token for e in events if isinstance(e, Text) for token in e.tokens]
    said = text.partition("STOP")[0]
    spelled = [tokenizer.token_bytes(token.id) for token in told]
    assert b"".join(spelled).decode().startswith(said)
    # the last one may hold the end of the text and the beginning of the stop string
    assert len(b"".join(spelled[:-1])) < len(said.encode())
    assert all(token.logprob == -1.0 for token in told)
