"""Malformed streams: nothing raises, nothing is lost; and a parser that loses text is noticed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gptoss_metal import Model, Sampling
from gptoss_metal.chat import Turn
from gptoss_metal.events import CallDelta, Done, Event, Reasoning, Text, ToolCall
from gptoss_metal.generation import Progress, Sampled
from gptoss_metal.harmony import parser
from gptoss_metal.harmony.header import Header
from gptoss_metal.harmony.parser import Delta, Parser
from gptoss_metal.harmony.render import Renderer, Setting
from gptoss_metal.harmony.vocabulary import Vocabulary
from tests.chat.test_render import WEATHER
from tests.harmony.lossless import lost
from tests.harmony.mutations import mutated, real_streams

NUMBER = 10_000
GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def streams(tokenizer: Vocabulary, demo_model: Model) -> list[list[int]]:
    """What the demo model said, and turns of every form that gpt-oss knows."""
    asked: list[dict[str, Any]] = [
        {"tools": []},
        {"tools": [WEATHER]},
        {"response_format": {"type": "json_object"}, "reasoning_effort": "low"},
    ]
    said = []
    for question in ("What is 27 + 15?", "What is the weather in Oslo?", "What is the capital?"):
        for setting in asked:
            message = {"role": "user", "content": question}
            turn = demo_model.chat([message], sampling=GREEDY, max_tokens=120, **setting)
            list(turn)
            said.append(turn.ids)
    return said + real_streams(tokenizer, random.Random(1), 300)


def malformed(streams: list[list[int]], seed: int, number: int) -> Iterator[list[int]]:
    rng = random.Random(seed)
    for _ in range(number):
        yield mutated(rng.choice(streams), rng)


def test_no_text_is_lost(tokenizer: Vocabulary, streams: list[list[int]]) -> None:
    for stream in streams:
        assert lost(tokenizer, stream) == []
    for stream in malformed(streams, 2, NUMBER):
        assert lost(tokenizer, stream) == [], tokenizer.text(stream)


def read_turn(tokenizer: Vocabulary, stream: list[int]) -> list[Event]:
    progress = Progress()
    turn = Turn(progress, tokenizer)
    events: list[Event] = []
    for token in stream:
        events += turn.feed(Sampled(token))
        if turn.over:
            break
    progress.finish_reason = progress.finish_reason or "stop"
    return events + turn.finish()


def test_every_turn_ends_in_a_message_that_can_be_replayed(
    tokenizer: Vocabulary, streams: list[list[int]]
) -> None:
    """And what was streamed is what the message says."""
    user = {"role": "user", "content": "Hi"}
    for number, stream in enumerate(malformed(streams, 3, NUMBER)):
        events = read_turn(tokenizer, stream)
        done = events[-1]
        assert isinstance(done, Done)
        message = done.message
        assert "".join(e.text for e in events if isinstance(e, Text)) == message["content"]
        thought = "".join(e.text for e in events if isinstance(e, Reasoning))
        assert thought == message.get("reasoning", "")
        calls = [event for event in events if isinstance(event, ToolCall)]
        arguments = "".join(e.text for e in events if isinstance(e, CallDelta))
        assert arguments == "".join(call.arguments for call in calls)
        assert [call["id"] for call in message.get("tool_calls", ())] == [c.id for c in calls]
        if number % 20 == 0:
            copy = json.loads(json.dumps(message))
            prompt = Renderer(tokenizer).prompt([user, copy, user], Setting())
            assert prompt.marks[-1] == len(prompt.ids) - 2


FAULTS: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "words without a header": (
        parser, "_salvage", lambda sections, end: (Header("final", clean=False), "")
    ),
    "text within a header": (parser, "holds_text", lambda sections: False),
    "words before a header": (parser, "looks_like_role", lambda text: True),
    "broken characters": (
        Parser, "_text", lambda self, text: [] if "�" in text else TEXT(self, text)
    ),
    "said twice": (Parser, "_text", lambda self, text: TEXT(self, text) * 2),
    "not streamed": (
        Parser, "_text", lambda self, text: [e for e in TEXT(self, text) if len(e.text) < 20]
    ),
}  # fmt: skip
TEXT: Callable[..., list[Delta]] = Parser._text  # type: ignore[assignment]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_parser_that_loses_text_is_noticed(
    tokenizer: Vocabulary,
    streams: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    assert any(lost(tokenizer, stream) for stream in malformed(streams, 2, NUMBER))
