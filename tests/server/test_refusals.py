"""What the server does not take on, and how it says so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss_metal.engine.limits import Limits
from gptoss_metal.engine.refusals import Unavailable
from gptoss_metal.errors import Error
from gptoss_metal.events import Done
from gptoss_metal.sampling import Sampling
from gptoss_metal.server.app import build
from gptoss_metal.server.problem import Problem, as_problem
from gptoss_metal.server.prompts import ROOM
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import failed
from tests.server.conftest import serving
from tests.server.openai.ask import SUM, TOOL, post, refused

GREEDY = Sampling(temperature=0)


def client_of(served: Served) -> TestClient:
    """A client of an application of its own."""
    return TestClient(build(served), base_url="http://127.0.0.1", raise_server_exceptions=False)


def chat(text: str, **fields: Any) -> TurnRequest:
    """A turn about a text."""
    return TurnRequest("demo", [{"role": "user", "content": text}], sampling=GREEDY, **fields)


def test_a_full_queue_is_busy(demo_path: Path) -> None:
    async def fill(served: Served) -> Problem:
        never = Sampling(logit_bias=dict.fromkeys((200002, 200012, 199999, 200007), -100.0))
        request = TurnRequest("demo", SUM, sampling=never)
        running = [await served.open(request) for _ in range(2)]
        try:
            async with aclosing(running[0]) as events:
                await anext(events)
                with pytest.raises(Problem) as refused:
                    await served.open(chat("Hi"))
                return refused.value
        finally:
            await running[1].aclose()

    with serving(demo_path, Limits(slots=1, queue=1)) as served:
        problem = asyncio.run(fill(served))
        assert problem.status == 429
        assert problem.retry_after is not None
        assert problem.retry_after >= 1
        assert post(client_of(served)).status_code == 200  # both places are free again


def test_what_never_fits_is_refused_with_the_number(demo_path: Path) -> None:
    with serving(demo_path, Limits(slots=1, cache_bytes=2_000_000)) as served:
        long = [{"role": "user", "content": "word " * 20_000}]
        found = post(client_of(served), messages=long)
        assert found.status_code == 503
        assert found.json()["error"]["code"] == "out_of_memory"
        assert re.search(r"[\d,.]+ MB", found.json()["error"]["message"])
        assert found.json()["error"]["type"] == "server_error"


def conversation(turns: int, words: int) -> list[dict[str, str]]:
    """A conversation of long turns, a question last."""
    messages = [{"role": "system", "content": "Be brief."}]
    for number in range(turns):
        messages.append({"role": "user", "content": f"turn {number} " + "word " * words})
        messages.append({"role": "assistant", "content": f"Answer {number}."})
    return [*messages, *SUM]


def prompt_of(served: Served, request: TurnRequest) -> str:
    """The prompt as the model gets it."""
    return served.model.vocabulary.text(served.turns.prepare(request).job.prompt)


@pytest.mark.parametrize("context", [1200, 2500, 6000])
def test_the_oldest_turns_are_dropped_when_asked(served: Served, context: int) -> None:
    messages = conversation(8, 500)
    request = TurnRequest("demo", messages, context=context, truncate=True)
    prompt = served.turns.prepare(request).job.prompt
    text = served.model.vocabulary.text(prompt)
    assert len(prompt) + ROOM <= context
    assert "Be brief." in text
    assert text.endswith("What is 27 + 15?<|end|><|start|>assistant")
    kept = [number for number in range(8) if f"turn {number} " in text]
    assert kept == list(range(8 - len(kept), 8))  # the newest, as many as fit
    assert len(prompt) + ROOM + 520 > context or len(kept) == 8


def test_a_conversation_that_fits_is_not_touched(served: Served) -> None:
    messages = conversation(3, 20)
    whole = prompt_of(served, TurnRequest("demo", messages))
    assert prompt_of(served, TurnRequest("demo", messages, truncate=True)) == whole


def test_a_turn_that_alone_is_too_long_is_refused(served: Served) -> None:
    messages = [{"role": "user", "content": "word " * 3000}]
    for truncate in (True, False):
        with pytest.raises(Problem) as refused:
            served.turns.prepare(TurnRequest("demo", messages, context=2000, truncate=truncate))
        assert refused.value.code == "context_length_exceeded"
        assert refused.value.status == 400


def test_a_context_of_the_requests_own_bounds_its_answer(served: Served) -> None:
    job = served.turns.prepare(chat("Hi", context=100)).job
    assert job.limit == 100 - len(job.prompt)
    assert served.turns.prepare(chat("Hi", context=100, max_tokens=3)).job.limit == 3
    assert served.turns.prepare(chat("Hi")).job.limit is None


SCHEMAS: list[tuple[dict[str, Any], str]] = [
    ({"not": {"type": "string"}}, "not"),
    ({"type": "array", "uniqueItems": True, "items": {"type": "integer"}}, "uniqueItems"),
    ({"if": {"type": "string"}, "then": {"minLength": 1}}, "if"),
    ({"type": "string", "pattern": "(?=a)b"}, "pattern"),
]


@pytest.mark.parametrize(("schema", "keyword"), SCHEMAS)
def test_a_schema_that_cannot_be_enforced_names_its_keyword(
    client: TestClient, schema: dict[str, Any], keyword: str
) -> None:
    style = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    error = refused(client, response_format=style)
    assert error["param"] == "response_format"
    assert error["code"] == "unsupported_schema"
    assert repr(keyword) in error["message"]


def test_so_does_a_strict_tools(client: TestClient) -> None:
    function = {"name": "f", "strict": True, "parameters": {"type": "object", "properties": {
        "x": {"not": {"type": "string"}}}}}  # fmt: skip
    error = refused(client, tools=[TOOL, {"type": "function", "function": function}])
    assert error["param"] == "tools[1]"
    assert "'not'" in error["message"]


def test_a_custom_tools_broken_grammar_is_refused(client: TestClient) -> None:
    style = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: ("}}
    custom = {"type": "custom", "custom": {"name": "f", "format": style}}
    assert refused(client, tools=[custom])["param"] == "tools[0]"


def test_a_model_that_is_loading_is_unavailable(demo_path: Path) -> None:
    from gptoss_metal.engine.engine import Engine
    from gptoss_metal.server.loader import Loader
    from gptoss_metal.server.turns import Turns

    def never() -> Any:
        raise Error("[load] not yet. Try: later.")

    loader = Loader(never)
    client = client_of(Served(("demo",), Turns(Engine(loader), loader)))
    health = client.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "loading")
    found = post(client)
    assert found.status_code == 503
    assert found.headers["retry-after"]
    assert client.get("/metrics").status_code == 200


def test_after_its_end_an_engine_takes_nothing(demo_path: Path) -> None:
    with serving(demo_path) as served:
        client = client_of(served)
        assert post(client, max_tokens=1).status_code == 200
        served.turns.engine.close()
        found = post(client)
        assert found.status_code == 503
        assert client.get("/health").status_code == 503


def test_a_failure_on_the_way_is_never_the_clients_fault() -> None:
    assert failed(Error("[metal] the GPU is gone. Try: again.")).status == 500
    assert failed(Unavailable("[engine] stopping. Try: later.")).status == 503
    problem = Problem("[serve] x. Try: y.", "busy")
    assert failed(problem) is problem


def test_what_nobody_foresaw_is_told_without_its_words() -> None:
    problem = as_problem(ValueError("the secret prompt"))
    assert problem.status == 500
    assert "secret" not in str(problem)
    assert as_problem(MemoryError()).status == 503
    assert as_problem(RecursionError()).status == 400
    assert as_problem(Error("[chat] x. Try: y.")).status == 400


def test_a_turn_that_is_closed_frees_its_place(served: Served) -> None:
    async def begin_and_leave() -> None:
        events: AsyncGenerator[Any, None] = await served.open(chat("What is 27 + 15?"))
        async with aclosing(events):
            await anext(events)

    asyncio.run(begin_and_leave())
    assert served.turns.engine.wait_idle(10)


def test_done_comes_last_and_once(served: Served) -> None:
    async def whole() -> list[Any]:
        return [event async for event in await served.open(chat("What is 27 + 15?"))]

    events = asyncio.run(whole())
    assert [isinstance(event, Done) for event in events] == [False] * (len(events) - 1) + [True]
