"""Bodies that are too large, too slow, too deep, or no JSON."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message

from gptoss_metal.server.app import Rules, build
from gptoss_metal.server.body import DEEPEST
from gptoss_metal.server.served import Served
from tests.running import Running

CHAT = "/v1/chat/completions"


@pytest.fixture
def small(served: Served) -> Iterator[TestClient]:
    """A client of an application that takes bodies of 1000 bytes."""
    app = build(served, Rules(body_bytes=1000))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def test_a_large_body_is_refused(small: TestClient) -> None:
    found = small.post(CHAT, content=b" " * 1001)
    assert found.status_code == 413
    assert found.json()["error"]["code"] == "request_too_large"


def test_a_large_body_is_refused_also_if_its_length_is_not_announced(small: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    assert small.post(CHAT, content=pieces()).status_code == 413


def test_a_body_of_the_full_size_is_read(small: TestClient) -> None:
    body = json.dumps({"model": "demo"}).encode()
    found = small.post(CHAT, content=body + b" " * (1000 - len(body)))
    assert found.status_code == 400
    assert found.json()["error"]["param"] == "messages"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"', b"[" * 200_000]
)
def test_what_is_no_object_is_refused(client: TestClient, body: bytes) -> None:
    found = client.post(CHAT, content=body)
    assert found.status_code == 400
    assert found.json()["error"]["type"] == "invalid_request_error"


def nested(levels: int) -> bytes:
    """An object with lists inside one another."""
    return b'{"model":' + b"[" * levels + b"]" * levels + b"}"


def test_depth_is_bounded(client: TestClient) -> None:
    deep = client.post(CHAT, content=nested(DEEPEST + 1)).json()["error"]
    assert "levels deep" in deep["message"]
    flat = client.post(CHAT, content=nested(DEEPEST - 1)).json()["error"]
    assert flat["param"] == "model"


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "a \ud800 b"}], "max_tokens": 3},
        {"model": "\udfff"},
        {"temperature": "\ud800"},
        {"messages": [{"role": "\ud83d"}]},
        {"\ud800": 1, "max_tokens": 3},
    ],
)
def test_lone_surrogates_break_no_answer(client: TestClient, fields: dict[str, Any]) -> None:
    chat = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}], **fields}
    assert client.post(CHAT, content=json.dumps(chat)).status_code < 500
    assert client.post(CHAT, content=json.dumps({**chat, "stream": True})).status_code < 500


async def _answer(app: Starlette, delay: float) -> int:
    """The status of a chat whose body comes byte by byte, as slowly as said."""
    statuses: list[int] = []

    async def receive() -> Message:
        await asyncio.sleep(delay)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": CHAT,
        "raw_path": CHAT.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "server": ("localhost", 80),
        "scheme": "http",
        "root_path": "",
    }
    await asyncio.wait_for(app(scope, receive, send), 5)
    return statuses[0]


def test_a_slow_body_is_given_up(served: Served) -> None:
    app = build(served, Rules(body_seconds=0.3))
    assert asyncio.run(_answer(app, 0.05)) == 408
    assert asyncio.run(_answer(app, 60)) == 408


def raw(url: str, request: bytes, *, wait: float = 10) -> bytes:
    """Sends bytes over a socket of its own, and returns the answer."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=wait) as conversation:
        conversation.sendall(request)
        answer = b""
        while piece := conversation.recv(65536):
            answer += piece
        return answer


def test_long_headers_are_refused(base_url: str) -> None:
    start = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: "
    assert raw(base_url, start + b"x" * 100_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")
    assert raw(base_url, start + b"x" * 50_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert raw(base_url, start + b"x" * 140_000).startswith(b"HTTP/1.1 400")  # no end in sight


def test_what_is_no_http_is_refused(server: Running) -> None:
    assert raw(server.url, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert "Traceback" not in server.said
