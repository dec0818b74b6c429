"""The toolboxes of a server: each conversation keeps its own, and idle ones are closed in time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import psutil
import pytest

from gptoss_metal.events import ToolCall
from gptoss_metal.harmony.messages import Message
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.tools.browser.backends.fixture import Fixture
from gptoss_metal.tools.browser.browser import Browser
from gptoss_metal.tools.python import Limits, Python
from gptoss_metal.tools.toolbox import KEY, Makers, Toolbox
from gptoss_metal.tools.toolboxes import Toolboxes

PAGES = {"https://birds.example/swift": "<title>Swifts</title><p>Swifts sleep in the air.</p>"}
QUESTION: Message = {"role": "user", "content": "Where do swifts sleep?"}
IDLE = 1.5


def test_conversations_have_toolboxes_of_their_own(tokenizer: Vocabulary) -> None:
    made = []

    def browser() -> Browser:
        made.append(Browser(Fixture(PAGES), tokenizer))
        return made[-1]

    boxes = Toolboxes(Makers(browser), idle_seconds=100, most=2)
    call = ToolCall("1", "browser.search", '{"query": "swifts"}', "browser.search")
    with boxes.borrow([QUESTION]) as first:
        assert first.run(call).output.startswith("[0]")
        message = {"role": "assistant", "content": "", KEY: first.id}
    with boxes.borrow([QUESTION, message]) as again:
        assert again is first
        assert again.run(call).output.startswith("[1]")
        with boxes.borrow([QUESTION, message]) as busy:
            assert busy is not first
            assert busy.run(call).output.startswith("[0]")
    forged = {"role": "assistant", KEY: "x"}
    with boxes.borrow([forged]) as other, boxes.borrow([{"role": "user", KEY: first.id}]) as user:
        assert len({other, user, first}) == 3
    with boxes.borrow([message]) as found:
        assert found is not first, "the oldest ones are closed when there are too many"
    boxes.close()
    quick = Toolboxes(Makers(browser), idle_seconds=0)
    with quick.borrow([QUESTION]) as box:
        message = {"role": "assistant", KEY: box.id}
    with quick.borrow([message]) as fresh:
        assert fresh is not box


def python(code: str, toolbox: Toolbox) -> str:
    return toolbox.run(ToolCall("1", "python", code, "python")).output


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Waits for it, and returns how long that took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - begun


linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the macOS sandbox is not yet run on hardware"
)


@linux
def test_an_idle_sandbox_ends_without_another_request() -> None:
    before = children()
    boxes = Toolboxes(Makers(python=lambda: Python(Limits(seconds=20))), idle_seconds=IDLE)
    with boxes.borrow([QUESTION]) as box:
        assert python("x = 41\nprint(x + 1)", box) == "42"
        time.sleep(2 * IDLE)  # a conversation that takes its time is not idle
        assert python("print(x)", box) == "41"
        message = {"role": "assistant", KEY: box.id}
    with boxes.borrow([QUESTION, message]) as again:
        assert python("print(x)", again) == "41"
    assert children() - before
    assert until(lambda: not children() - before, 20) > IDLE / 2
    with boxes.borrow([QUESTION, message]) as fresh:
        assert fresh is not box
        assert "NameError" in python("print(x)", fresh)
    boxes.close()
    assert not children() - before


@linux
def test_what_is_in_use_while_all_are_closed_ends_when_it_is_given_back() -> None:
    before = children()
    boxes = Toolboxes(Makers(python=lambda: Python(Limits(seconds=20))))
    with boxes.borrow([QUESTION]) as box:
        python("1", box)
        boxes.close()
        assert not children() - before
        assert python("print(2)", box) == "2"
    assert not children() - before
