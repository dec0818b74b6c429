"""The server as a process: clients that leave, signals, start-up and what it writes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.cli.program import refused
from tests.running import Running, running
from tests.server.openai.ask import CHAT, SUM

ENDLESS = {"200007": -100, "200002": -100, "200012": -100, "199999": -100}
"""A bias against every token that ends a message: the model talks on and on."""
SECRET = "xylophone-4711"


def body(**fields: Any) -> dict[str, Any]:
    """A chat that ends only at its limit."""
    return {"model": "demo", "messages": SUM, "logit_bias": ENDLESS, **fields}


def gauge(server: Running, name: str) -> float:
    """A number of ``/metrics``."""
    text = httpx.get(f"{server.url}/metrics", trust_env=False).text
    found = re.search(rf"^gptoss_metal_{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found.group(1))


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def connect(server: Running, fields: dict[str, Any]) -> socket.socket:
    """Sends a chat over a socket of its own."""
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    raw = json.dumps(fields).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(raw)}\r\n\r\n"
    line = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
    line.sendall(head.encode() + raw)
    return line


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_its_turn(server: Running, stream: bool) -> None:
    with connect(server, body(stream=stream)) as line:
        if stream:
            assert b"200 OK" in line.recv(4096)
        assert until(lambda: gauge(server, "running") == 1)
    assert until(lambda: gauge(server, "running") == 0)
    assert gauge(server, "waiting") == 0


def test_a_client_that_leaves_several_choices_ends_them_all(server: Running) -> None:
    with connect(server, body(n=3)):
        assert until(lambda: gauge(server, "running") == 3)
    assert until(lambda: gauge(server, "running") == 0)


def test_a_client_that_leaves_while_its_prompt_is_computed_ends_it(server: Running) -> None:
    words = " ".join(str(number * 7919 % 100_000) for number in range(20_000))
    long = [{"role": "user", "content": words}]
    before = gauge(server, "step_seconds_total")
    with connect(server, body(messages=long, stream=True)):
        assert until(lambda: gauge(server, "running") == 1, 30)
    assert until(lambda: gauge(server, "running") == 0, 10)
    assert gauge(server, "step_seconds_total") - before < 60


def test_metrics_tell_what_was_done(server: Running) -> None:
    names = ("prompt_tokens_total", "generated_tokens_total", "cached_tokens_total")
    before = [gauge(server, name) for name in names]
    for _ in range(2):
        chat = {"model": "demo", "messages": SUM, "temperature": 0}
        assert httpx.post(f"{server.url}{CHAT}", json=chat, trust_env=False).status_code == 200
    httpx.post(f"{server.url}{CHAT}", json={}, trust_env=False)
    after = [gauge(server, name) for name in names]
    assert all(late > early for early, late in zip(before, after, strict=True))
    text = httpx.get(f"{server.url}/metrics", trust_env=False).text
    for line in (
        'requests_total{api="chat",status="200"}',
        'requests_total{api="chat",status="400"}',
        "time_to_first_token_seconds_bucket",
        "inter_token_seconds_bucket",
        "prefix_hits_total",
        "cache_bytes",
        'state{gptoss_metal_state="ready"} 1.0',
    ):
        assert f"gptoss_metal_{line}" in text
    assert "demo" not in text.replace("gptoss_metal", "")  # no path and no name


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_running_answer_finish(demo_path: Path, sent: int) -> None:
    with running(demo_path, "--served-model-name", "demo") as server:
        url = f"{server.url}{CHAT}"
        with httpx.stream(
            "POST", url, json=body(stream=True, max_tokens=300), timeout=60, trust_env=False
        ) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.process.send_signal(sent)
            told = list(lines)
        assert [line for line in told if line][-1] == "data: [DONE]"
        assert '"finish_reason":"length"' in "".join(told)
        code = server.process.wait(20)
        assert code in (0, 130, -sent)
        assert "Traceback" not in server.said


def test_after_the_grace_an_endless_answer_is_told_its_end(demo_path: Path) -> None:
    with running(demo_path, "--served-model-name", "demo", "--grace", "1s") as server:
        url = f"{server.url}{CHAT}"
        whole: list[httpx.Response] = []

        def ask() -> None:
            whole.append(httpx.post(url, json=body(), timeout=60, trust_env=False))

        asking = threading.Thread(target=ask)
        asking.start()
        with httpx.stream(
            "POST", url, json=body(stream=True), timeout=60, trust_env=False
        ) as answer:
            lines = answer.iter_lines()
            next(lines)
            assert until(lambda: gauge(server, "running") == 2)
            begun = time.monotonic()
            server.process.terminate()
            told = [line for line in lines if line.startswith("data: ")]
        assert time.monotonic() - begun < 10
        error = json.loads(told[-1].removeprefix("data: "))["error"]
        assert error["type"] == "server_error"
        asking.join(20)
        assert whole[0].status_code == 503
        server.process.wait(20)
        assert "Traceback" not in server.said


def test_a_signal_while_the_model_is_loaded_ends_it(demo_path: Path) -> None:
    for delay in (0.0, 0.05, 0.3):
        with running(demo_path, wait=False) as server:
            time.sleep(delay)
            server.stop(timeout=20)
            assert "Traceback" not in server.said


def test_no_new_request_is_taken_once_it_ends(demo_path: Path) -> None:
    with running(demo_path, "--served-model-name", "demo") as server:
        with connect(server, body(stream=True, max_tokens=2000)) as line:
            line.recv(4096)
            server.process.terminate()
            assert until(lambda: not _answers(server))
        server.process.wait(30)


def _answers(server: Running) -> bool:
    try:
        return httpx.get(f"{server.url}/health", timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_nothing_of_a_request_is_logged(demo_path: Path) -> None:
    with running(demo_path, "--api-key", "sk-" + SECRET) as server:
        name = demo_path.name.removesuffix(".safetensors")
        headers = {"Authorization": f"Bearer sk-{SECRET}"}
        chat = {"model": name, "messages": [{"role": "user", "content": SECRET}], "max_tokens": 5}
        for fields in (chat, {**chat, "temperature": SECRET}, {**chat, "model": SECRET}):
            httpx.post(
                f"{server.url}{CHAT}?q={SECRET}", json=fields, headers=headers, trust_env=False
            )
        httpx.get(f"{server.url}/v1/models", headers={"Authorization": SECRET}, trust_env=False)
        server.stop()
    assert SECRET not in server.said
    assert str(demo_path.parent) not in server.said


def test_prompts_are_logged_when_asked_for(demo_path: Path) -> None:
    with running(demo_path, "--served-model-name", "demo", "--log-prompts") as server:
        chat = {"model": "demo", "messages": [{"role": "user", "content": SECRET}], "max_tokens": 5}
        httpx.post(f"{server.url}{CHAT}", json=chat, trust_env=False)
        server.stop()
    assert any("prompt" in line and SECRET in line for line in server.log)
    assert any("answer" in line for line in server.log)


def test_the_key_comes_from_the_environment(demo_path: Path) -> None:
    with running(demo_path, GPTOSS_METAL_API_KEY=SECRET) as server:
        url = f"{server.url}/v1/models"
        assert httpx.get(url, trust_env=False).status_code == 401
        good = {"Authorization": f"Bearer {SECRET}"}
        assert httpx.get(url, headers=good, trust_env=False).status_code == 200


def test_several_names_serve_one_model(demo_path: Path) -> None:
    names = ("--served-model-name", "gpt-oss-20b", "--served-model-name", "openai/gpt-oss-20b")
    with running(demo_path, *names) as server:
        listed = httpx.get(f"{server.url}/v1/models", trust_env=False).json()["data"]
        assert [model["id"] for model in listed][:2] == ["gpt-oss-20b", "openai/gpt-oss-20b"]
        one = httpx.get(f"{server.url}/v1/models/openai/gpt-oss-20b", trust_env=False)
        assert one.json()["id"] == "openai/gpt-oss-20b"


def test_an_idle_model_is_unloaded_and_loaded_again(demo_path: Path) -> None:
    args = ("--served-model-name", "demo", "--keep-alive", "500ms")
    with running(demo_path, *args) as server:

        def loaded() -> bool:
            found = httpx.get(f"{server.url}/health", trust_env=False)
            assert found.status_code == 200
            return bool(found.json()["loaded"])

        assert until(lambda: not loaded(), 20)
        chat = {"model": "demo", "messages": SUM, "temperature": 0}
        answer = httpx.post(f"{server.url}{CHAT}", json=chat, timeout=30, trust_env=False)
        assert answer.json()["choices"][0]["message"]["content"] == "27 + 15 = 42."
        assert gauge(server, "loads_total") == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_off_loopback_it_does_not_start_without_a_key(demo_path: Path, host: str) -> None:
    assert "GPTOSS_METAL_API_KEY" in refused("serve", demo_path, "--host", host, "--port", "0")


def test_bad_starts_end_in_one_line(demo_path: Path, tmp_path: Path) -> None:
    assert "no such file" in refused("serve", tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    done = subprocess.run(
        [sys.executable, "-m", "gptoss_metal", "serve", broken, "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    *_, last = done.stderr.splitlines()
    assert last.startswith("[")
    assert ". Try: " in last
    assert "Traceback" not in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "cannot listen" in refused("serve", demo_path, "--port", str(port))
