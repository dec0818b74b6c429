"""Connections that take their time: those that say nothing end, those that work do not."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gptoss_metal import Model
from gptoss_metal.engine.engine import Engine
from gptoss_metal.engine.limits import Limits
from gptoss_metal.harmony.tokens import STOP
from gptoss_metal.server.app import Rules, build
from gptoss_metal.server.loader import Loader
from gptoss_metal.server.run import Server, listen
from gptoss_metal.server.served import Served
from gptoss_metal.server.turns import Turns

LIMIT = 0.6
BODY = json.dumps({"model": "demo", "prompt": "One, two", "max_tokens": 2}).encode()
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.fixture(scope="module")
def port(demo_path: Path) -> Iterator[int]:
    """Of a server that waits for headers for `LIMIT` seconds; all of it, in a thread."""
    loader = Loader(lambda: Model.load(demo_path))
    engine = Engine(loader, Limits())
    served = Served(("demo",), Turns(engine, loader))
    rules = Rules(header_seconds=LIMIT, body_bytes=10_000)
    server = Server(build(served, rules), served.turns, 1, rules.header_seconds)
    bound = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    try:
        assert loader.tried.wait(60)
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def line(port: int) -> Iterator[socket.socket]:
    """A connection to it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        yield line


def drip(line: socket.socket, data: bytes, pause: float = 0.1) -> None:
    """Sends byte after byte until the other side has closed."""
    try:
        for number in range(len(data)):
            line.sendall(data[number : number + 1])
            time.sleep(pause)
    except OSError:  # it has closed
        return


def heard(line: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    answer = b""
    try:
        while piece := line.recv(65536):
            answer += piece
    except ConnectionResetError:  # it closed before it had read all
        pass
    return answer


def test_headers_that_never_end_are_given_up(line: socket.socket) -> None:
    begun = time.monotonic()
    sender = threading.Thread(target=drip, args=(line, b"GET /health HTTP/1.1\r\nX: " + b"x" * 300))
    sender.start()
    answer = heard(line)
    assert LIMIT * 0.9 < time.monotonic() - begun < LIMIT + 5
    sender.join()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Try: again." in answer


def test_silence_ends_without_a_word(line: socket.socket) -> None:
    begun = time.monotonic()
    assert heard(line) == b""
    assert LIMIT * 0.9 < time.monotonic() - begun < LIMIT + 5


def test_the_second_request_has_a_limit_too(line: socket.socket) -> None:
    for _ in range(2):
        line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = line.recv(65536)
        while not answer.endswith(b"}"):
            answer += line.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        time.sleep(2 * LIMIT)  # nothing was begun: the connection is kept
    begun = time.monotonic()
    line.sendall(b"GET /")
    assert heard(line).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < LIMIT + 5


def test_a_slow_body_is_read(line: socket.socket) -> None:
    line.sendall(HEAD)
    begun = time.monotonic()
    drip(line, BODY, 3 * LIMIT / len(BODY))
    assert time.monotonic() - begun > 2 * LIMIT
    assert line.recv(65536).startswith(b"HTTP/1.1 200")


def test_the_rest_of_a_refused_body_has_a_limit(line: socket.socket) -> None:
    line.sendall(HEAD.replace(b"%d" % len(BODY), b"20000"))
    answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413")
    begun = time.monotonic()
    drip(line, b" " * 300)
    heard(line)
    assert time.monotonic() - begun < LIMIT + 5


def test_a_long_stream_is_not_cut(port: int) -> None:
    body = {
        "model": "demo",
        "prompt": "One, two",
        "max_tokens": 100_000,
        "stream": True,
        "logit_bias": {str(stop): -100 for stop in STOP},
    }
    begun = time.monotonic()
    url = f"http://127.0.0.1:{port}/v1/completions"
    with httpx.stream("POST", url, json=body, timeout=30, trust_env=False) as reply:
        for _ in reply.iter_lines():
            if time.monotonic() - begun > 3 * LIMIT:
                return
    raise AssertionError("the stream was over too soon")
