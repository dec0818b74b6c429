"""What outlives the server's process."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx

from tests.running import running
from tests.server.responses.conftest import REPORT, WEATHER, item_of, text_of
from tests.server.responses.strict import Wire

PARIS = "What is the weather in Paris?"


def post(url: str, **body: Any) -> Wire:
    asked = {"model": "demo", "temperature": 0, "tools": [WEATHER], **body}
    answer = httpx.post(f"{url}/v1/responses", json=asked, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_conversation_goes_on_after_a_kill(demo_path: Path) -> None:
    """The stored turn comes back as it was generated, and sealed reasoning can be opened."""
    sealing = {"include": ["reasoning.encrypted_content"]}
    with running(demo_path, "--served-model-name", "demo") as server:
        first = post(server.url, input=PARIS, **sealing)
        result: Wire = {"type": "function_call_output", "output": REPORT}
        result["call_id"] = item_of(first, "function_call")["call_id"]
        before = post(server.url, input=[result], previous_response_id=first["id"])
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
    carried = [{**item, "content": None} for item in first["output"][:1]] + first["output"][1:]
    with running(demo_path, "--served-model-name", "demo") as server:
        found = httpx.get(f"{server.url}/v1/responses/{first['id']}", trust_env=False).json()
        after = post(server.url, input=[result], previous_response_id=first["id"])
        items = [{"role": "user", "content": PARIS}, *carried, result]
        sent = post(server.url, input=items, store=False)
    assert found == first
    assert text_of(after) == text_of(before) == text_of(sent)
    tokens = {body["usage"]["input_tokens"] for body in (before, after, sent)}
    assert len(tokens) == 1, "every way tells the model the same"
