"""Web searches that the server runs, end to end; the grammar makes the demo model call them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss_metal.server.app import build
from gptoss_metal.server.builtin import BuiltIns
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns
from gptoss_metal.tools.browser.backends.fixture import Fixture
from gptoss_metal.tools.browser.browser import Browser
from gptoss_metal.tools.toolbox import Makers
from tests.server.responses.strict import Wire, check_response, check_stream, read_events

PAGES = {"https://example.com/a.html": "<html><title>A</title><p>The weather is fine.</html>"}
ASKED: dict[str, Any] = {
    "model": "demo",
    "temperature": 0,
    "input": "What is 27 + 15?",
    "tools": [{"type": "web_search"}],
    "include": ["web_search_call.action.sources"],
    "max_output_tokens": 400,
}
DEMANDED = {"tool_choice": {"type": "web_search_preview"}}


@pytest.fixture(scope="module")
def browsing(served: Served) -> Iterator[TestClient]:
    """A client of a server whose web has one page."""
    builtins = BuiltIns(
        make=lambda vocabulary, names: Makers(browser=lambda: Browser(Fixture(PAGES), vocabulary))
    )
    turns = Turns(served.turns.engine, served.turns.loader, builtins)
    yield TestClient(build(Served(("demo",), turns)), base_url="http://127.0.0.1")
    builtins.close()


def stream(client: TestClient, **more: Any) -> Wire:
    """The response of a checked stream."""
    with client.stream("POST", "/v1/responses", json={**ASKED, **more, "stream": True}) as answer:
        assert answer.status_code == 200, answer.read()
        events = read_events(list(answer.iter_lines()))
    check_stream(events)
    return dict(events[-1]["response"])


def searches(body: Wire) -> list[Wire]:
    return [item for item in body["output"] if item["type"] == "web_search_call"]


@pytest.mark.parametrize("stored", [True, False])
def test_a_search_is_run_and_its_conversation_goes_on(browsing: TestClient, stored: bool) -> None:
    first = stream(browsing, **DEMANDED, store=stored)
    assert searches(first)
    assert "function_call" not in [item["type"] for item in first["output"]]
    more = {"role": "user", "content": "What is 11 + 12?"}
    if stored:
        second = stream(browsing, input=[more], previous_response_id=first["id"])
    else:
        user = {"role": "user", "content": ASKED["input"]}
        second = stream(browsing, input=[user, *first["output"], more], store=False)
    assert second["status"] in ("completed", "incomplete")
    assert second["usage"]["input_tokens_details"]["cached_tokens"] > 0


def test_a_whole_response(browsing: TestClient) -> None:
    body = browsing.post("/v1/responses", json={**ASKED, **DEMANDED, "max_tool_calls": 1}).json()
    check_response(body)
    assert searches(body)
    assert [tool["type"] for tool in body["tools"]] == ["web_search"]
