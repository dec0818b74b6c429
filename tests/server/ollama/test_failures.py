"""A turn that fails on the way: Ollama's clients read it from the last line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from gptoss_metal.events import Event, Text
from gptoss_metal.server.ollama.answer import Form, lines, whole_answer
from gptoss_metal.server.problem import Problem

FORM = Form("m", lambda piece: {"response": piece.text}, lambda whole: {}, True, None)


async def failing() -> AsyncGenerator[Event, None]:
    """A turn whose device fails after the first word."""
    yield Text("x")
    raise Problem("[metal] the device is lost. Try: again.", "internal")


def test_a_failure_is_the_last_line() -> None:
    async def follow() -> list[bytes]:
        return [line async for line in lines(failing(), FORM)]

    first, last = map(json.loads, asyncio.run(follow()))
    assert first["response"] == "x"
    assert first["done"] is False
    assert last == {"error": "[metal] the device is lost. Try: again."}


def test_a_whole_answer_fails_as_a_whole() -> None:
    with pytest.raises(Problem, match="the device is lost"):
        asyncio.run(whole_answer(failing(), FORM))
