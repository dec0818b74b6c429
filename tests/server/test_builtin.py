"""Built-in tools, run by the server itself; the demo model is made to call them by grammar."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss_metal import Model
from gptoss_metal.engine.engine import Engine
from gptoss_metal.errors import Error
from gptoss_metal.events import Done, Event, ToolCall, ToolFinished, ToolStarted
from gptoss_metal.harmony.tools import BuiltIn, ToolChoice
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.sampling import Sampling
from gptoss_metal.server.app import build
from gptoss_metal.server.builtin import BuiltIns
from gptoss_metal.server.loader import Loader
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns
from gptoss_metal.tools.browser.backends.fixture import Fixture
from gptoss_metal.tools.browser.browser import Browser
from gptoss_metal.tools.toolbox import Makers
from tests.server.openai.ask import SUM, TOOL, ask, chunks, joined, post, refused

PAGES = {"https://example.com/a.html": "<html><title>A</title><p>The weather is fine.</html>"}


def make(tokenizer: Vocabulary, names: Sequence[BuiltIn]) -> Makers:
    """A browser over a web of one page, and no sandbox."""
    if "python" in names:
        raise Error("[python] no sandbox here. Try: another machine.")
    return Makers(browser=lambda: Browser(Fixture(PAGES), tokenizer))


@pytest.fixture(scope="module")
def browsing(demo_path: Path) -> Iterator[Served]:
    """A server whose browser sees the pages above."""
    loader = Loader(lambda: Model.load(demo_path))
    engine = Engine(loader)
    engine.start()
    engine.wait_ready(60)
    builtins = BuiltIns(make=make)
    yield Served(("demo",), Turns(engine, loader, builtins))
    engine.close()
    builtins.close()


@pytest.fixture(scope="module")
def browser(browsing: Served) -> TestClient:
    """A client of it."""
    return TestClient(build(browsing), base_url="http://127.0.0.1")


def searching(**fields: Any) -> TurnRequest:
    """A turn that must begin with a call of the browser."""
    return TurnRequest(
        "demo",
        SUM,
        builtins=("browser",),
        tool_choice=ToolChoice("required", frozenset({"browser"})),
        sampling=Sampling(temperature=0),
        max_tokens=400,
        **fields,
    )


def events_of(served: Served, request: TurnRequest) -> list[Event]:
    """A whole answer."""

    async def main() -> list[Event]:
        return [event async for event in await served.open(request)]

    return asyncio.run(main())


def test_calls_are_run_and_the_model_goes_on(browsing: Served) -> None:
    events = events_of(browsing, searching())
    (call, *_) = [event for event in events if isinstance(event, ToolCall)]
    assert call.recipient.startswith("browser.")
    started = next(event for event in events if isinstance(event, ToolStarted))
    finished = next(event for event in events if isinstance(event, ToolFinished))
    assert started.call == finished.call == call
    assert events.index(call) < events.index(started) < events.index(finished)
    assert finished.output
    assert [isinstance(event, Done) for event in events] == [False] * (len(events) - 1) + [True]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.finish_reason in ("stop", "length")
    assert "tool_calls" not in done.message
    assert finished.output in [part["text"] for part in done.message["harmony"]]
    assert browsing.turns.engine.wait_idle(10)


def test_the_most_calls_are_kept(browsing: Served) -> None:
    finished = [
        event
        for event in events_of(browsing, searching(max_tool_calls=0))
        if isinstance(event, ToolFinished)
    ]
    assert len(finished) == 1
    assert finished[0].failed


def test_a_conversation_that_goes_on_keeps_its_browser(browsing: Served) -> None:
    first = events_of(browsing, searching())[-1]
    assert isinstance(first, Done)
    sent = {"role": "assistant", "content": first.message["content"]}
    question = {"role": "user", "content": "Thanks!"}
    request = searching()
    messages = browsing.turns._replay.restore([*request.messages, sent, question])
    assert messages[1]["toolbox"] == first.message["toolbox"]


def test_leaving_in_the_middle_ends_everything(browsing: Served) -> None:
    async def main() -> None:
        async with aclosing(await browsing.open(searching())) as events:
            async for event in events:
                if isinstance(event, ToolStarted):
                    return

    asyncio.run(main())
    assert browsing.turns.engine.wait_idle(10)
    events_of(browsing, searching())  # and its toolbox is free again


def test_chat_shows_answers_and_hides_the_servers_own_calls(browser: TestClient) -> None:
    fields = {"tools": [{"type": "web_search"}, TOOL], "tool_choice": {"type": "web_search"}}
    body = ask(browser, max_tokens=150, **fields)
    message = body["choices"][0]["message"]
    assert "tool_calls" not in message
    assert body["choices"][0]["finish_reason"] in ("stop", "length")
    parts = chunks(browser, max_tokens=150, **fields)
    assert not any("tool_calls" in c["delta"] for part in parts for c in part["choices"])
    assert joined(parts, "content") == message["content"]


def test_web_search_options_ask_for_the_browser(browser: TestClient) -> None:
    assert post(browser, web_search_options={"search_context_size": "low"}).status_code == 200


def test_a_tool_that_is_not_there_is_refused(browser: TestClient, browsing: Served) -> None:
    error = refused(browser, tools=[{"type": "code_interpreter"}])
    assert error["code"] == "tool_not_available"
    assert error["param"] == "tools"
    assert "no sandbox" in error["message"]
    with pytest.raises(Problem, match="--tools python"):
        BuiltIns(("browser",), make).check(["python"], browsing.model.vocabulary)
