"""`Model.chat` and the async twins, on the demo model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from gptoss_metal import Done, Error, Event, Model, Sampling, Text
from gptoss_metal.harmony import tokens as t
from tests.chat.test_render import WEATHER

GREEDY = Sampling(temperature=0)
QUESTION = [{"role": "user", "content": "What is 27 + 15?"}]


def last(events: list[Event]) -> Done:
    done = events[-1]
    assert isinstance(done, Done)
    return done


def test_a_turn(demo_model: Model) -> None:
    events = list(demo_model.chat(QUESTION, sampling=GREEDY, max_tokens=60, date="2026-01-01"))
    done = last(events)
    assert done.usage.completion_tokens <= 60
    assert done.message["content"] == "".join(e.text for e in events if isinstance(e, Text))
    assert (
        list(demo_model.chat(QUESTION, sampling=GREEDY, max_tokens=60, date="2026-01-01"))[:-1]
        == events[:-1]
    )


def test_a_conversation_computes_only_what_is_new(demo_path: Any) -> None:
    """Also after analysis: it is dropped, so what came before it is kept."""
    model = Model.load(demo_path)
    first = last(list(model.chat(QUESTION, sampling=GREEDY, max_tokens=30, date="2026-01-01")))
    assert first.usage.cached_tokens == 0
    history = [*QUESTION, first.message, {"role": "user", "content": "And 3 + 4?"}]
    second = last(list(model.chat(history, sampling=GREEDY, max_tokens=1, date="2026-01-01")))
    assert second.usage.cached_tokens >= first.usage.prompt_tokens


def test_a_tool_loop_computes_only_what_is_new(demo_path: Any) -> None:
    """Nothing is dropped within it: the ids of the whole turn are still in the session."""
    model = Model.load(demo_path)
    question = {"role": "user", "content": "What is the weather in Oslo?"}
    setting: dict[str, Any] = {"tools": [WEATHER], "date": "2026-01-01", "sampling": GREEDY}
    first = last(list(model.chat([question], max_tokens=200, **setting)))
    assert first.finish_reason == "tool_calls"
    call = first.message["tool_calls"][0]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "21 °C, sunny"}
    history = json.loads(json.dumps([question, first.message, result]))
    second = last(list(model.chat(history, max_tokens=200, **setting)))
    # all but the last generated token, <|call|>, which was never computed
    generated = first.usage.prompt_tokens + first.usage.completion_tokens
    assert second.usage.cached_tokens == generated - 1
    assert "21" in second.message["content"]


def test_only_harmony_and_words_are_sampled(demo_path: Any) -> None:
    model = Model.load(demo_path)
    sampling = Sampling(temperature=100.0, seed=1)
    generation = model.chat(QUESTION, sampling=sampling, max_tokens=200)
    list(generation)
    assert all(i < t.ORDINARY or i in t.FORMAT for i in generation.ids)
    forced = Sampling(temperature=0, logit_bias={200000: 100.0, 201087: 100.0})
    generation = model.chat(QUESTION, sampling=forced, max_tokens=3)
    list(generation)
    assert not {200000, 201087} & set(generation.ids)


def test_a_conversation_too_long(demo_path: Any) -> None:
    model = Model.load(demo_path, context=100)
    with pytest.raises(Error, match="do not fit a context of 100"):
        model.chat([{"role": "user", "content": "word " * 200}])


def test_bad_input_is_refused_at_once(demo_model: Model) -> None:
    with pytest.raises(Error, match="no messages"):
        demo_model.chat([])
    with pytest.raises(Error, match="max_tokens"):
        demo_model.chat(QUESTION, max_tokens=0)
    with pytest.raises(Error, match="reasoning effort"):
        demo_model.chat(QUESTION, reasoning_effort="none")


def test_leaving_early_keeps_the_session(demo_path: Any) -> None:
    model = Model.load(demo_path)
    with model.chat(QUESTION, sampling=GREEDY, date="2026-01-01") as turn:
        next(turn)
    again = last(list(model.chat(QUESTION, sampling=GREEDY, max_tokens=2, date="2026-01-01")))
    assert again.usage.cached_tokens >= again.usage.prompt_tokens - 1


def test_cancelled_turns_end_in_done(demo_path: Any) -> None:
    turn = Model.load(demo_path).chat(QUESTION, sampling=GREEDY)
    next(turn)
    turn.cancel()
    assert last(list(turn)).finish_reason == "cancelled"


def test_async_twins_give_the_same(demo_model: Model) -> None:
    async def run() -> tuple[list[Event], list[int], np.ndarray[Any, Any]]:
        chat = demo_model.achat(QUESTION, sampling=GREEDY, max_tokens=20, date="2026-01-01")
        events = [event async for event in chat]
        ids = [token.id async for token in demo_model.agenerate([1, 2, 3], GREEDY, 5)]
        return events, ids, await demo_model.alogits([1, 2, 3])

    events, ids, logits = asyncio.run(run())
    sync = list(demo_model.chat(QUESTION, sampling=GREEDY, max_tokens=20, date="2026-01-01"))
    assert events[:-1] == sync[:-1]
    assert ids == [token.id for token in demo_model.generate([1, 2, 3], GREEDY, 5)]
    np.testing.assert_array_equal(logits, demo_model.logits([1, 2, 3]))


def test_async_leaves_the_loop_free(demo_model: Model) -> None:
    async def run() -> int:
        beats = 0

        async def heart() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.001)
                beats += 1

        task = asyncio.create_task(heart())
        async for _ in demo_model.agenerate(list(range(400)), GREEDY, 30, stop_tokens=()):
            pass
        task.cancel()
        return beats

    assert asyncio.run(run()) > 3


def test_async_stops_when_nobody_listens(demo_model: Model) -> None:
    async def leave() -> None:
        stream = demo_model.agenerate([1, 2, 3], GREEDY, stop_tokens=())
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(asyncio.wait_for(leave(), 30))

    async def cancelled() -> None:
        async def consume() -> None:
            async for _ in demo_model.agenerate([1, 2, 3], GREEDY, stop_tokens=()):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(cancelled(), 30))
    assert len(list(demo_model.generate([1, 2, 3], GREEDY, 4, stop_tokens=()))) == 4


def test_async_logits_are_cancelled(demo_model: Model) -> None:
    async def run() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(demo_model.alogits([1] * 4000), 0.05)

    asyncio.run(run())


def test_async_errors_reach_the_caller(demo_model: Model) -> None:
    async def run() -> None:
        async for _ in demo_model.agenerate([-1]):
            pass

    with pytest.raises(Error, match="out of range"):
        asyncio.run(run())
