"""Anthropic's own Python package against the real server."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx
import pytest
from pydantic import BaseModel

from tests.server.anthropic.ask import PARIS, SHOWN, SUM, WEATHER

GREEDY = {"temperature": 0}
"""Newer packages have no argument for it."""


class Answer(BaseModel):
    """What is asked for as JSON."""

    answer: int


@pytest.fixture(scope="module")
def remote(base_url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=base_url,
        api_key="any",
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(trust_env=False),
    )


def create(remote: anthropic.Anthropic, **body: Any) -> anthropic.types.Message:
    given = {"model": "demo", "max_tokens": 200, "extra_body": GREEDY, **body}
    found = remote.messages.create(**given)
    assert isinstance(found, anthropic.types.Message)
    return found


def test_create(remote: anthropic.Anthropic) -> None:
    found = create(remote, messages=SUM)
    assert found.content[0].type == "text"
    assert found.content[0].text == "27 + 15 = 42."
    assert found.stop_reason == "end_turn"
    assert found._request_id is not None
    assert found._request_id.startswith("req_")


def test_stream(remote: anthropic.Anthropic) -> None:
    with remote.messages.stream(
        model="demo", max_tokens=200, messages=SUM, thinking=SHOWN, extra_body=GREEDY
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert {"message_start", "thinking", "text", "signature", "message_stop"} <= set(kinds)
    thinking, text = final.content
    assert thinking.type == "thinking"
    assert "7+5=12" in thinking.thinking
    assert thinking.signature
    assert text.type == "text"
    assert text.text == "27 + 15 = 42."
    assert final.usage.output_tokens > 40


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_loop(remote: anthropic.Anthropic, streamed: bool) -> None:
    body: dict[str, Any] = {"tools": [WEATHER], "thinking": SHOWN}
    if streamed:
        with remote.messages.stream(
            model="demo", max_tokens=200, extra_body=GREEDY, messages=PARIS, **body
        ) as stream:
            first = stream.get_final_message()
    else:
        first = create(remote, messages=PARIS, **body)
    assert first.stop_reason == "tool_use"
    call = next(block for block in first.content if block.type == "tool_use")
    assert call.input == {"city": "Paris"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees and sunny"}
    messages = [
        *PARIS,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = create(remote, messages=messages, **body)
    answer = next(block for block in second.content if block.type == "text")
    assert "18" in answer.text
    assert (second.usage.cache_read_input_tokens or 0) > 100


def test_parse(remote: anthropic.Anthropic) -> None:
    found = remote.messages.parse(
        model="demo", max_tokens=200, extra_body=GREEDY, messages=SUM, output_format=Answer
    )
    assert isinstance(found.parsed_output, Answer)


def test_count_tokens(remote: anthropic.Anthropic) -> None:
    found = remote.messages.count_tokens(model="demo", messages=SUM)
    assert found.input_tokens == 75


def test_errors(remote: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        create(remote, model="claude-x", messages=SUM)
    assert missing.value.type == "not_found_error"
    image = {"type": "image", "source": {"type": "url", "url": "http://example.com/x.png"}}
    with pytest.raises(anthropic.BadRequestError, match="reads text only"):
        create(remote, messages=[{"role": "user", "content": [image]}])


def test_a_client_that_leaves_frees_the_server(remote: anthropic.Anthropic, base_url: str) -> None:
    body = {"model": "demo", "max_tokens": 2000, "messages": SUM, "stream": True}
    with httpx.stream("POST", f"{base_url}/v1/messages", json=body, trust_env=False) as found:
        next(found.iter_bytes())
    assert create(remote, messages=SUM, max_tokens=100).stop_reason
