"""Responses that are made in the background; failures in the middle; clients that go away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from starlette.testclient import TestClient

from gptoss_metal.events import Done, Event, Text, Usage
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.asked import read_request
from gptoss_metal.server.responses.background import Background, Live
from gptoss_metal.server.responses.items_in import ItemReader
from gptoss_metal.server.responses.office import Office
from gptoss_metal.server.responses.recall import Recall
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.store import Store
from gptoss_metal.server.responses.work import Work, encoded
from gptoss_metal.server.served import Served
from tests.server.responses.strict import Wire, check_event, check_response, read_events

LONG: dict[str, Any] = {"model": "demo", "input": "Hello", "temperature": 0}


def wait(client: TestClient, id_: str) -> Wire:
    """The response when it is complete."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        body = client.get(f"/v1/responses/{id_}").json()
        check_response(body)
        if body["status"] not in ("queued", "in_progress"):
            return dict(body)
        time.sleep(0.02)
    raise AssertionError("it never got complete")


def test_it_is_made_while_nobody_waits(client: TestClient) -> None:
    made = client.post("/v1/responses", json={**LONG, "background": True}).json()
    check_response(made)
    assert made["status"] == "queued"
    assert made["background"] is True
    body = wait(client, made["id"])
    assert body["status"] == "completed"
    assert body["output"]
    again = {**LONG, "previous_response_id": made["id"]}
    assert client.post("/v1/responses", json=again).status_code == 200


def test_its_events_can_be_followed_again(client: TestClient) -> None:
    asked = {**LONG, "background": True, "stream": True}
    with client.stream("POST", "/v1/responses", json=asked) as answer:
        events = read_events(list(answer.iter_lines()))
    for event in events:
        check_event(event)
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    url = f"/v1/responses/{events[0]['response']['id']}"
    with client.stream("GET", url, params={"stream": "true"}) as answer:
        assert read_events(list(answer.iter_lines())) == events
    with client.stream("GET", url, params={"stream": "true", "starting_after": "4"}) as answer:
        assert read_events(list(answer.iter_lines())) == events[5:]


def test_it_must_be_stored(refused: Callable[..., Wire]) -> None:
    assert refused(input="x", background=True, store=False)["param"] == "background"


def test_only_background_responses_are_cancelled_or_followed(
    client: TestClient, ask: Callable[..., Wire]
) -> None:
    made = ask("Hello")
    url = f"/v1/responses/{made['id']}"
    assert client.post(f"{url}/cancel").status_code == 400
    assert client.get(url, params={"stream": "true"}).status_code == 400
    assert client.post("/v1/responses/resp_none/cancel").status_code == 404


def test_cancelling_what_is_complete_changes_nothing(client: TestClient) -> None:
    made = client.post("/v1/responses", json={**LONG, "background": True}).json()
    body = wait(client, made["id"])
    assert client.post(f"/v1/responses/{made['id']}/cancel").json() == body


def test_the_official_client(official: openai.OpenAI) -> None:
    made = official.responses.create(model="demo", input="Hello", background=True, temperature=0)
    while made.status in ("queued", "in_progress"):
        time.sleep(0.02)
        made = official.responses.retrieve(made.id)
    assert made.status == "completed"
    assert made.output_text
    assert official.responses.cancel(made.id).status == "completed"


@pytest.fixture
def office(served: Served, tmp_path: Path) -> Office:
    """An office with a store of its own."""
    store = Store(tmp_path / "responses.sqlite")
    return Office(served, store, Recall(store), Seal(tmp_path / "key"), Background())


def work(office: Office, turn: AsyncGenerator[Event, None], **more: Any) -> Work:
    body = {"model": "demo", "input": "x", **more}
    return Work(read_request(body, ItemReader(office.seal, office.store.item)), turn, office)


class Endless:
    """A turn that says a word and then waits for ever; it knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    async def events(self) -> AsyncGenerator[Event, None]:
        try:
            yield Text("Well")
            await asyncio.Event().wait()
        finally:
            self.closed = True


def test_a_response_is_cancelled_between_tokens(office: Office) -> None:
    async def scenario() -> list[Wire]:
        endless = Endless()
        made = work(office, endless.events(), background=True)
        live = Live(made)
        office.background.add(live)
        followed: list[Wire] = []

        async def follow() -> None:
            async for wire in live.follow():
                followed.append(wire)

        follower = asyncio.create_task(follow())
        while not any("delta" in wire for wire in followed):
            await asyncio.sleep(0.001)
        await live.cancel()
        await live.cancel()
        await follower
        assert endless.closed
        return followed

    wires = asyncio.run(scenario())
    body = wires[-1]["response"]
    assert body["status"] == "cancelled"
    assert body["output"][0]["content"][0]["text"] == "Well"
    kept = office.store.get(body["id"])
    assert kept is not None
    assert kept.body == body


def test_a_response_that_the_server_cannot_finish_has_failed(office: Office) -> None:
    async def scenario() -> str:
        live = Live(work(office, Endless().events(), background=True))
        async for wire in live.follow():
            if "delta" in wire:
                return str(live.body["id"])  # the loop ends, and with it the server
        raise AssertionError

    kept = office.store.get(asyncio.run(scenario()))
    assert kept is not None
    assert kept.body["status"] == "failed"
    assert "stopped" in kept.body["error"]["message"]


def test_what_a_killed_server_left_has_failed(client: TestClient, served: Served) -> None:
    from gptoss_metal.store import home

    async def begun() -> Work:
        store = Store(home() / "responses.sqlite")
        there = Office(served, store, Recall(store), Seal(home() / "responses.key"))
        made = work(there, Endless().events(), background=True)
        store.put(made.stored())
        return made

    id_ = asyncio.run(begun()).body["id"]
    body = client.get(f"/v1/responses/{id_}").json()
    check_response(body)
    assert body["status"] == "failed"
    again = {**LONG, "previous_response_id": id_}
    assert client.post("/v1/responses", json=again).json()["error"]["param"] == (
        "previous_response_id"
    )
    assert client.delete(f"/v1/responses/{id_}").status_code == 200


async def broken() -> AsyncGenerator[Event, None]:
    yield Text("Half an an")
    raise Problem("[serve] the device is lost. Try: restart.", "internal")


def test_a_turn_that_fails_ends_its_stream_with_an_event(office: Office) -> None:
    async def scenario() -> list[str]:
        return [piece.decode() async for piece in encoded(work(office, broken()).wires())]

    events = read_events("".join(asyncio.run(scenario())).split("\n"))
    assert events[-1]["type"] == "response.failed"
    body = events[-1]["response"]
    assert "the device is lost" in body["error"]["message"]
    kept = office.store.get(body["id"])
    assert kept is not None
    assert kept.body["status"] == "failed"


def test_a_turn_that_fails_is_a_problem_where_nothing_was_sent(office: Office) -> None:
    with pytest.raises(Problem, match="the device is lost"):
        asyncio.run(work(office, broken()).complete())


def test_an_answer_that_cannot_be_stored_is_not_lost(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def turn() -> AsyncGenerator[Event, None]:
        yield Text("All of it.")
        yield Done("stop", Usage(1), {"role": "assistant", "content": "All of it."})

    (tmp_path / "responses.sqlite").mkdir()
    body = asyncio.run(work(office, turn()).complete())
    assert body["status"] == "completed"
    assert "was not stored" in caplog.text


def metric(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_its_turn(base_url: str, stream: bool) -> None:
    asked = {**LONG, "input": "What is 27 + 15?", "stream": stream, "reasoning": {"effort": "high"}}
    asked["metadata"] = {"n": "1"}
    with httpx.Client(base_url=base_url, trust_env=False, timeout=60) as client:
        before = metric(client, "gptoss_metal_cancelled_total")
        for _ in range(4):
            if stream:
                with client.stream("POST", "/v1/responses", json=asked) as answer:
                    next(answer.iter_lines())
            else:
                with pytest.raises(httpx.ReadTimeout):
                    client.post("/v1/responses", json=asked, timeout=httpx.Timeout(60, read=0.01))
        end = time.monotonic() + 30
        # Requests still being read when their client leaves begin, and end, a little later.
        while metric(client, "gptoss_metal_cancelled_total") < before + 4:
            assert time.monotonic() < end
            time.sleep(0.02)
        while metric(client, "gptoss_metal_running"):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert client.post("/v1/responses", json=LONG).json()["status"] == "completed"
