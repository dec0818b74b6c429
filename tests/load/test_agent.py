"""Twenty turns of an agent, over 16k tokens: only what is new is computed, also after a restart."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import openai
import pytest

from tests.load.agent import Agent, computed, new_tokens
from tests.load.metrics import metric
from tests.running import Running, running

TURNS = 20
WORDS = 280  # of each result: 20 of them are over 16 000 tokens


def started(server: Running, keeps_reasoning: bool = True) -> Agent:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=300)
    agent = Agent(client, keeps_reasoning)
    agent.ask("Read all the files, one after the other.")
    return agent


@pytest.mark.parametrize("keeps_reasoning", [True, False], ids=["reasoning sent", "not sent"])
def test_only_what_is_new_is_computed(demo_path: Path, keeps_reasoning: bool) -> None:
    with running(demo_path, "--served-model-name", "demo", "--disk-cache", "0") as server:
        agent = started(server, keeps_reasoning)
        for _ in range(TURNS):
            agent.call(WORDS)
    assert agent.turns[-1].prompt > 16_000 - 3 * WORDS
    print("prefilled:", computed(agent.turns), "new:", new_tokens(agent.turns))
    assert computed(agent.turns) <= 1.1 * new_tokens(agent.turns)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_after_a_restart_the_prefix_comes_from_disk(
    demo_path: Path, tmp_path: Path, sent: int
) -> None:
    env = {"GPTOSS_METAL_HOME": str(tmp_path)}
    with running(demo_path, "--served-model-name", "demo", **env) as server:
        agent = started(server)
        for _ in range(4):
            agent.call(WORDS)
        before = agent.turns[-1]
        if sent == signal.SIGKILL:
            wait_for_disk(server)
        server.stop(sent)
    with running(demo_path, "--served-model-name", "demo", **env) as server:
        agent.client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=300)
        after = agent.call(WORDS)
    assert after.cached >= 0.9 * before.prompt, (before, after)


def wait_for_disk(server: Running) -> None:
    """Waits until what was computed is on disk: the disk store has not grown for a second."""
    end, size, since = time.monotonic() + 60, -1.0, time.monotonic()
    while time.monotonic() < end:
        now = metric(server, "gptoss_metal_disk_bytes")
        if now != size:
            size, since = now, time.monotonic()
        elif size > 0 and time.monotonic() - since > 1:
            return
        time.sleep(0.1)
    raise AssertionError("the disk cache stays empty")
