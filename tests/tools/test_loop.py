"""The loop of built-in tools: scripted turns, real tools."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from gptoss_metal.errors import Error
from gptoss_metal.events import (
    CallOpened,
    Citation,
    Done,
    Event,
    Reasoning,
    Text,
    ToolCall,
    ToolFinished,
    ToolStarted,
)
from gptoss_metal.harmony.messages import Message, read_messages
from gptoss_metal.harmony.render import Renderer, Setting
from gptoss_metal.harmony.tools import Tool, ToolChoice
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.tools.browser.backends.fixture import Fixture
from gptoss_metal.tools.browser.browser import Browser
from gptoss_metal.tools.loop import NO_MORE, run
from gptoss_metal.tools.python import Limits, Python
from gptoss_metal.tools.toolbox import Makers, Toolbox
from tests.chat.scripted import events_of

PAGES = {"https://birds.example/swift": "<title>Swifts</title><p>Swifts sleep in the air."}
SEARCH = (
    "<|channel|>analysis<|message|>I should look.<|end|><|start|>assistant<|channel|>analysis "
    'to=browser.search code<|message|>{"query": "swifts"}<|call|>'
)
OPEN = '<|channel|>analysis to=browser.open code<|message|>{"id": 0}<|call|>'
ANSWER = "<|channel|>final<|message|>In the air【1†L2】, they say.<|return|>"
LINK = " ([birds.example](https://birds.example/swift)) "
CODE = "<|channel|>analysis to=python code<|message|>x = 41\nprint(x + 1)<|call|>"
FUNCTION = (
    "<|channel|>commentary to=functions.get_weather <|constrain|>json"
    '<|message|>{"city": "Oslo"}<|call|>'
)
WEATHER = Tool("get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}})
QUESTION: Message = {"role": "user", "content": "Where do swifts sleep?"}


class Scripted:
    """Answers turn after turn with prescribed tokens; keeps what it was asked."""

    def __init__(self, tokenizer: Vocabulary, *scripts: str | Exception) -> None:
        self._tokenizer = tokenizer
        self._scripts = list(scripts)
        self.asked: list[TurnRequest] = []
        self.prompts: list[str] = []

    async def __call__(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        setting = Setting(tools=request.tools, builtins=request.builtins)
        prompt = Renderer(self._tokenizer).prompt(request.messages, setting)
        self.prompts.append(self._tokenizer.text(prompt.ids))
        script = self._scripts.pop(0)
        if isinstance(script, Exception):
            raise script
        return self._turn(events_of(self._tokenizer, script, tools=request.tools))

    async def _turn(self, events: Sequence[Event]) -> AsyncGenerator[Event, None]:
        for event in events:
            await asyncio.sleep(0)
            yield event


@pytest.fixture
def toolbox(tokenizer: Vocabulary) -> Iterator[Toolbox]:
    python = (lambda: Python(Limits(seconds=20))) if sys.platform.startswith("linux") else None
    opened = Toolbox(Makers(lambda: Browser(Fixture(PAGES), tokenizer), python))
    yield opened
    opened.close()


def request(**given: object) -> TurnRequest:
    fields: dict[str, object] = {"messages": [QUESTION], "builtins": ["browser", "python"]}
    return TurnRequest("m", **(fields | given))  # type: ignore[arg-type]


def told(start: Scripted, asked: TurnRequest, toolbox: Toolbox) -> list[Event]:
    """All events of a loop."""

    async def collect() -> list[Event]:
        return [event async for event in await run(start, asked, toolbox)]

    events = asyncio.run(collect())
    assert [type(event) for event in events].count(Done) == 1
    done = events[-1]
    assert isinstance(done, Done)
    text = "".join(event.text for event in events if isinstance(event, Text))
    assert text == done.message["content"]
    thoughts = "".join(event.text for event in events if isinstance(event, Reasoning))
    assert thoughts == done.message.get("reasoning", "")
    items = [event.item for event in events if isinstance(event, Text | Reasoning)]
    assert items == sorted(items)
    return events


def end(events: Sequence[Event]) -> Done:
    last = events[-1]
    assert isinstance(last, Done)
    return last


def test_search_open_answer(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    start = Scripted(tokenizer, SEARCH, OPEN, ANSWER)
    events = told(start, request(), toolbox)
    kinds = [type(event) for event in events if not isinstance(event, Text | Reasoning)]
    calls = [kind for kind in kinds if kind.__name__ != "CallDelta"]
    one = [CallOpened, ToolCall, ToolStarted, ToolFinished]
    assert calls == [*one, *one, Citation, Done]
    finished = [event for event in events if isinstance(event, ToolFinished)]
    assert finished[0].output.startswith("[0] swifts\n**viewing lines [0 - ")
    assert finished[0].detail["action"]["query"] == "swifts"
    assert finished[0].detail["action"]["sources"][0]["url"] == "https://birds.example/swift"
    assert finished[1].detail == {
        "action": {"type": "open_page", "url": "https://birds.example/swift"}
    }
    done = end(events)
    assert done.finish_reason == "stop"
    assert done.message["content"] == f"In the air{LINK}, they say."
    assert done.message["reasoning"] == "I should look."
    assert "tool_calls" not in done.message
    (citation,) = [event for event in events if isinstance(event, Citation)]
    assert done.message["content"][citation.start : citation.end] == LINK
    assert (citation.url, citation.title) == ("https://birds.example/swift", "Swifts")
    assert done.usage.completion_tokens == sum(
        len(tokenizer.encode(script, specials=True)) for script in (SEARCH, OPEN, ANSWER)
    )
    # What the model reads: results where it was trained to find them, nothing rewritten.
    assert start.prompts[1].endswith(
        SEARCH
        + "<|start|>browser.search to=assistant<|channel|>analysis<|message|>"
        + finished[0].output
        + "<|end|><|start|>assistant"
    )
    assert start.prompts[2].startswith(start.prompts[1] + OPEN)
    assert "## browser" in start.prompts[0]


def test_the_message_is_replayed_exactly(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    """With the client's own call at its end: all turns and results before it come back."""
    start = Scripted(tokenizer, SEARCH, CODE, FUNCTION)
    events = told(start, request(tools=[WEATHER]), toolbox)
    done = end(events)
    assert done.finish_reason == "tool_calls"
    (call,) = done.message["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    again = json.loads(json.dumps(done.message))
    messages = [QUESTION, again, {"role": "tool", "tool_call_id": call["id"], "content": "21"}]
    setting = Setting(tools=[WEATHER], builtins=["browser", "python"])
    prompt = tokenizer.text(Renderer(tokenizer).prompt(messages, setting).ids)
    assert prompt.startswith(start.prompts[2] + FUNCTION)
    assert prompt.endswith(
        "<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>21<|end|>"
        "<|start|>assistant"
    )


def test_an_answer_with_citations_is_replayed_as_generated(
    tokenizer: Vocabulary, toolbox: Toolbox
) -> None:
    done = end(told(Scripted(tokenizer, SEARCH, OPEN, ANSWER), request(), toolbox))
    follow = {"role": "user", "content": "And now?"}
    entries = read_messages([QUESTION, done.message, follow]).entries
    assert [entry.role for entry in entries].count("tool") == 2
    prompt = Renderer(tokenizer).prompt([QUESTION, done.message, follow], Setting())
    text = tokenizer.text(prompt.ids)
    assert ANSWER.replace("<|return|>", "<|end|>") in text
    assert "browser.search" not in text, "what was thought before the answer is over"
    edited = {**done.message, "content": "Something else."}
    text = tokenizer.text(Renderer(tokenizer).prompt([QUESTION, edited, follow], Setting()).ids)
    assert "Something else." in text
    assert "they say" not in text


def test_state_stays_in_the_conversation(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    use = "<|channel|>commentary to=python code<|message|>print(x * 2)<|call|>"
    events = told(Scripted(tokenizer, CODE, use, ANSWER), request(), toolbox)
    outputs = [event for event in events if isinstance(event, ToolFinished)]
    assert [(event.output, event.failed) for event in outputs] == [("42", False), ("82", False)]
    assert outputs[0].detail == {"outputs": [{"type": "logs", "logs": "42"}]}


@pytest.mark.parametrize(
    ("recipient", "body", "message"),
    [
        ("container.exec", "{}", "There is no tool container.exec. The built-in tools: browser,"),
        ("functions.nothing", "{}", "There is no tool functions.nothing"),
        ("browser.fly", "{}", "Unknown function: fly"),
        ("browser.search", "not json", "Invalid function arguments"),
        ("browser.open", '{"cursor": 7}', "No pages to access!"),
        ("functions.browser.open", '{"id": 1}', "No pages to access!"),
        ("python", "1 / 0", "ZeroDivisionError"),
    ],
)
def test_mistakes_are_answered(
    tokenizer: Vocabulary, toolbox: Toolbox, recipient: str, body: str, message: str
) -> None:
    script = f"<|channel|>commentary to={recipient} code<|message|>{body}<|call|>"
    start = Scripted(tokenizer, script, ANSWER)
    events = told(start, request(), toolbox)
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.failed
    assert message in finished.output
    assert message in start.prompts[1]
    assert end(events).finish_reason == "stop"


@pytest.mark.parametrize("recipient", ["functions.python", "python"])
@pytest.mark.parametrize("body", ["print(6 * 7)", '{"code": "print(6 * 7)"}'])
def test_python_as_a_function(
    tokenizer: Vocabulary, toolbox: Toolbox, recipient: str, body: str
) -> None:
    script = f"<|channel|>commentary to={recipient} code<|message|>{body}<|call|>"
    events = told(Scripted(tokenizer, script, ANSWER), request(), toolbox)
    (finished,) = [event for event in events if isinstance(event, ToolFinished)]
    assert finished.output == "42"


def test_the_most_calls(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    start = Scripted(tokenizer, SEARCH, OPEN, OPEN)
    asked = request(max_tool_calls=1, tool_choice=ToolChoice("required"))
    events = told(start, asked, toolbox)
    outputs = [event.output for event in events if isinstance(event, ToolFinished)]
    assert outputs[1] == NO_MORE
    assert len(outputs) == 2
    assert [turn.tool_choice.mode for turn in start.asked] == ["required", "auto", "none"]
    assert end(events).finish_reason == "stop", "a model that goes on calling is stopped"


def test_the_limit_of_tokens_is_for_all_turns(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    first = len(tokenizer.encode(SEARCH, specials=True))
    start = Scripted(tokenizer, SEARCH, ANSWER)
    told(start, request(max_tokens=first + 10), toolbox)
    assert [turn.max_tokens for turn in start.asked] == [first + 10, 10]
    start = Scripted(tokenizer, SEARCH)
    events = told(start, request(max_tokens=first), toolbox)
    assert end(events).finish_reason == "length"


def test_no_room_for_a_result(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    full = Problem("[serve] too long. Try: less.", code="context_length_exceeded")
    events = told(Scripted(tokenizer, SEARCH, full), request(), toolbox)
    assert end(events).finish_reason == "length"
    assert end(events).message["reasoning"] == "I should look."
    for failure in (Problem("[serve] busy. Try: later.", "busy"), Error("[x] y. Try: z.")):
        with pytest.raises(type(failure)):
            told(Scripted(tokenizer, SEARCH, failure), request(), toolbox)
        with pytest.raises(type(failure)):
            asyncio.run(_first(Scripted(tokenizer, failure), toolbox))


async def _first(start: Scripted, toolbox: Toolbox) -> None:
    await run(start, request(), toolbox)  # before the first event


def test_text_of_several_turns(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    preamble = (
        "<|channel|>analysis<|message|>First.<|end|><|start|>assistant<|channel|>commentary"
        "<|message|>Let me see.<|end|><|start|>assistant"
    )
    second = "<|channel|>analysis<|message|>Second.<|end|><|start|>assistant" + ANSWER
    events = told(Scripted(tokenizer, preamble + OPEN, second), request(), toolbox)
    message = end(events).message
    assert message["content"] == "Let me see.\n\nIn the air【1†L2】, they say."
    assert message["reasoning"] == "First.\n\nSecond."
    leads = [event.lead for event in events if isinstance(event, Reasoning | Text)]
    assert [lead for lead in leads if lead] == [2, 2]


def test_closing_cancels_the_tool(tokenizer: Vocabulary, toolbox: Toolbox) -> None:
    endless = "<|channel|>analysis to=python code<|message|>while True: pass<|call|>"

    async def leave() -> None:
        events = await run(Scripted(tokenizer, endless, ANSWER), request(), toolbox)

        async def read() -> None:
            async for _ in events:
                pass

        task = asyncio.create_task(read())
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    asyncio.run(leave())
    assert time.monotonic() - begun < 12
    after = toolbox.run(ToolCall("1", "python", "print(1)", "python"))
    assert after.output.startswith("1")


def test_what_is_not_available(tokenizer: Vocabulary) -> None:
    box = Toolbox(Makers())
    said = box.run(ToolCall("1", "python", "1", "python"))
    assert (said.failed, said.output) == (
        True,
        "There is no tool python. The built-in tools: none.",
    )
    cut = replace(ToolCall("1", "python", "1", "python"), complete=False)
    assert "cut off" in box.run(cut).output
    box.close()


def test_one_call_at_a_time(toolbox: Toolbox) -> None:
    outputs: list[str] = []

    def call(code: str) -> None:
        outputs.append(toolbox.run(ToolCall("1", "python", code, "python")).output)

    work: list[Callable[[], None]] = [lambda n=n: call(f"print({n})") for n in range(4)]
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs) == ["0", "1", "2", "3"]
