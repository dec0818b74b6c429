"""One turn's events: what the user sees, what goes into the history, why it ended."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss_metal.events import Reasoning, Text, ToolCall
from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.scripted import done, events_of, text_of
from tests.chat.streams import ids
from tests.chat.test_parser import RECOVERIES

ANALYSIS = "<|channel|>analysis<|message|>I think.<|end|><|start|>assistant"
CALL = '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city":"Oslo"}'


def test_reasoning_then_answer(tokenizer: Vocabulary) -> None:
    events = events_of(tokenizer, ANALYSIS + "<|channel|>final<|message|>It is 42.<|return|>")
    assert text_of(events, Reasoning) == "I think."
    assert text_of(events, Text) == "It is 42."
    kinds = [type(event) for event in events]
    assert kinds.index(Text) > kinds.index(Reasoning)
    last = done(events)
    assert last.finish_reason == "stop"
    assert last.message["content"] == "It is 42."
    assert last.message["reasoning"] == "I think."
    assert "tool_calls" not in last.message
    usage = last.usage
    assert (usage.prompt_tokens, usage.cached_tokens) == (3, 0)
    assert usage.completion_tokens == len(
        ids(tokenizer, ANALYSIS + "<|channel|>final<|message|>It is 42.<|return|>")
    )
    assert usage.reasoning_tokens == len(tokenizer.encode("I think."))
    json.dumps(last.message)


def test_a_call_ends_the_turn(tokenizer: Vocabulary) -> None:
    events = events_of(tokenizer, ANALYSIS + CALL + "<|call|>")
    call = next(event for event in events if isinstance(event, ToolCall))
    assert (call.name, call.recipient) == ("get_weather", "functions.get_weather")
    assert call.parsed == {"city": "Oslo"}
    assert call.complete
    last = done(events)
    assert last.finish_reason == "tool_calls"
    assert last.message["tool_calls"] == [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'},
        }
    ]


def test_a_preamble_is_seen(tokenizer: Vocabulary) -> None:
    preamble = "<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant"
    events = events_of(tokenizer, preamble + CALL + "<|call|>")
    assert {event.channel for event in events if isinstance(event, Text)} == {"commentary"}
    assert done(events).message["content"] == "Let me look."
    assert done(events).finish_reason == "tool_calls"


def test_messages_are_parted_by_a_blank_line(tokenizer: Vocabulary) -> None:
    preamble = "<|channel|>commentary<|message|>One.<|end|><|start|>assistant"
    final = "<|channel|>final<|message|>Two.<|return|>"
    events = events_of(tokenizer, ANALYSIS + preamble + ANALYSIS + final)
    assert text_of(events, Text) == "One.\n\nTwo." == done(events).message["content"]
    assert text_of(events, Reasoning) == "I think.\n\nI think."
    assert done(events).message["reasoning"] == "I think.\n\nI think."


@pytest.mark.parametrize("name", ["python", "browser.search", "container.exec"])
def test_undeclared_tools_are_calls(tokenizer: Vocabulary, name: str) -> None:
    events = events_of(tokenizer, f"<|channel|>analysis to={name} code<|message|>1+1<|call|>")
    call = next(event for event in events if isinstance(event, ToolCall))
    assert (call.name, call.recipient, call.arguments) == (name, name, "1+1")
    assert call.parsed is None
    assert done(events).message["tool_calls"][0]["recipient"] == name


@pytest.mark.parametrize("case", RECOVERIES)
def test_no_recovery_raises_or_loses_text(tokenizer: Vocabulary, case: str) -> None:
    stream, expected = RECOVERIES[case]
    events = events_of(tokenizer, stream)
    spoken = [s.text for s in expected if s.recipient is None and s.channel != "analysis"]
    thought = [s.text for s in expected if s.recipient is None and s.channel == "analysis"]
    assert text_of(events, Text) == "\n\n".join(spoken) == done(events).message["content"]
    assert text_of(events, Reasoning) == "\n\n".join(thought)
    calls = [(e.recipient, e.arguments) for e in events if isinstance(e, ToolCall)]
    assert calls == [(s.recipient, s.text) for s in expected if s.recipient is not None]
    assert done(events).finish_reason == ("tool_calls" if calls else "stop")


@given(
    script=st.lists(
        st.one_of(st.sampled_from(sorted(t.FORMAT)), st.integers(0, 201087)), max_size=40
    ),
    stop=st.sampled_from([(), ("e",), (" the", "\n")]),
    limit=st.sampled_from([None, 1, 7]),
)
@settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_garbage_ends_in_done(
    tokenizer: Vocabulary, script: list[int], stop: tuple[str, ...], limit: int | None
) -> None:
    events = events_of(tokenizer, script, stop=stop, limit=limit)
    assert text_of(events, Text) == done(events).message["content"]
    assert text_of(events, Reasoning) == done(events).message.get("reasoning", "")


@pytest.mark.parametrize("other", ["user", "system", "functions.get_weather to=assistant"])
def test_the_model_may_not_play_another(tokenizer: Vocabulary, other: str) -> None:
    stream = f"<|channel|>final<|message|>Yes.<|end|><|start|>{other}<|message|>Thanks!<|end|>"
    events = events_of(tokenizer, stream + "<|start|>assistant<|channel|>final<|message|>Hi")
    assert done(events).message["content"] == "Yes."
    assert done(events).finish_reason == "stop"


def test_stop_strings_end_the_final_channel_only(tokenizer: Vocabulary) -> None:
    stream = (
        "<|channel|>analysis<|message|>a STOP b<|end|><|start|>assistant"
        "<|channel|>commentary<|message|>c STOP d<|end|><|start|>assistant"
        "<|channel|>final<|message|>one two STOP three<|return|>"
    )
    events = events_of(tokenizer, stream, stop="STOP")
    assert text_of(events, Reasoning) == "a STOP b"
    assert text_of(events, Text) == "c STOP d\n\none two "
    last = done(events)
    assert last.finish_reason == "stop"
    assert last.message["content"] == "c STOP d\n\none two "
    replayed = tokenizer.text(last.message["harmony"][-1]["tokens"])
    assert replayed == "<|start|>assistant<|channel|>final<|message|>one two <|end|>"


def test_what_may_become_a_stop_string_is_held_back(tokenizer: Vocabulary) -> None:
    stream = "<|channel|>final<|message|>" + "x ST y S T STO<|return|>"
    events = events_of(tokenizer, stream, stop=("STOP", "S T O"))
    assert text_of(events, Text) == "x ST y S T STO"
    streamed = ""
    for event in events:
        if isinstance(event, Text):
            streamed += event.text
            assert not streamed.endswith("ST") or event is events[-2]


def test_the_limit_counts_reasoning(tokenizer: Vocabulary) -> None:
    events = events_of(tokenizer, ANALYSIS + "<|channel|>final<|message|>42<|return|>", limit=5)
    last = done(events)
    assert last.finish_reason == "length"
    assert last.usage.completion_tokens == 5
    assert last.message["content"] == ""
    assert last.message["reasoning"] == "I think"
    tokens = last.message["harmony"][0]["tokens"]
    assert (
        tokenizer.text(tokens) == "<|start|>assistant<|channel|>analysis<|message|>I think<|end|>"
    )


def test_a_cut_call_is_marked(tokenizer: Vocabulary) -> None:
    limit = len(ids(tokenizer, CALL)) - 2
    events = events_of(tokenizer, CALL + "<|call|>", limit=limit)
    call = next(event for event in events if isinstance(event, ToolCall))
    assert not call.complete
    assert call.parsed is None
    assert done(events).finish_reason == "length"


def test_cancelling_keeps_what_was_said(tokenizer: Vocabulary) -> None:
    stream = "<|channel|>final<|message|>one two three four five<|return|>"
    events = events_of(tokenizer, stream, cancel_after=5)
    last = done(events)
    assert last.finish_reason == "cancelled"
    assert last.message["content"].startswith("one two")
    assert "five" not in last.message["content"]


def test_logprobs_come_with_the_text(tokenizer: Vocabulary) -> None:
    stream = "<|channel|>final<|message|>one \U0001f9ff three<|return|>"
    events = events_of(tokenizer, stream, logprobs=2)
    texts = [event for event in events if isinstance(event, Text)]
    tokens = [token for event in texts for token in event.tokens]
    assert [token.id for token in tokens] == tokenizer.encode("one \U0001f9ff three")
    assert all(token.logprob is not None and token.logprob < 0 for token in tokens)
    assert all(len(token.top_logprobs) == 2 for token in tokens)


def test_history_ends_messages_properly(tokenizer: Vocabulary) -> None:
    final = events_of(tokenizer, "<|channel|>final<|message|>42<|return|>")
    assert done(final).message["harmony"][0]["tokens"][-1] == t.END
    call = events_of(tokenizer, CALL + "<|return|>")
    assert done(call).message["harmony"][0]["tokens"][-1] == t.CALL


def test_malformed_messages_go_into_history_repaired(tokenizer: Vocabulary) -> None:
    events = events_of(tokenizer, "I'm sorry.<|return|>")
    tokens = done(events).message["harmony"][0]["tokens"]
    assert tokenizer.text(tokens) == (
        "<|start|>assistant<|channel|>final<|message|>I'm sorry.<|end|>"
    )
