"""Turn after turn: what the model asks of built-in tools is run, until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gptoss_metal.errors import Error
from gptoss_metal.events import Done, Event, Reasoning, Text, ToolCall, ToolFinished, ToolStarted
from gptoss_metal.harmony.entries import GAP
from gptoss_metal.harmony.tools import ToolChoice
from gptoss_metal.tools.quoting import Quoting
from gptoss_metal.tools.story import Story
from gptoss_metal.tools.toolbox import Result, Toolbox

if TYPE_CHECKING:
    from gptoss_metal.server.request import TurnRequest

    Start = Callable[[TurnRequest], Awaitable[AsyncGenerator[Event, None]]]

MOST_CALLS: Final = 50
NO_MORE: Final = "No more tool calls are allowed. Answer now with what you have."
CANCEL_SECONDS: Final = 0.1
CANCEL_TRIES: Final = 50


async def run(start: Start, request: TurnRequest, toolbox: Toolbox) -> AsyncGenerator[Event, None]:
    """Answers a request that may use built-in tools, in as many turns as it takes.

    Args:
        start: starts a turn; its generator's last event is `Done`.
        request: the first turn; its `max_tokens` and `max_tool_calls` hold for all together.
        toolbox: runs the calls; it belongs to this conversation.

    Returns:
        The events of all turns as of one: `ToolStarted` and `ToolFinished` behind each call that
        was run, citations rewritten and announced, one `Done` at the end. Its message holds all
        turns and results. Closing it cancels.

    Raises:
        Error: what `start` raises of the first turn. A later turn that has no room in the context
            ends the answer with ``length``; other failures of later turns are raised while the
            generator runs.
    """
    return _Loop(start, request, toolbox).events(await start(request))


class _Loop:
    def __init__(self, start: Start, request: TurnRequest, toolbox: Toolbox) -> None:
        self._start = start
        self._first = request
        self._toolbox = toolbox
        self._story = Story(toolbox.id, toolbox.page)
        self._quoting = Quoting(toolbox.page)
        most = request.max_tool_calls
        self._calls_left = MOST_CALLS if most is None else most
        self._closing = False
        self._items = self._base = 0
        self._said: dict[type[Event], bool] = {Text: False, Reasoning: False}
        self._fresh: set[type[Event]] = set()

    async def events(self, turn: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The events of all turns."""
        while True:
            calls: list[ToolCall] = []
            done: Done | None = None
            self._base, self._fresh = self._items, {Text, Reasoning}
            async with aclosing(turn):
                async for event in turn:
                    if isinstance(event, Done):
                        done = event
                        continue
                    if isinstance(event, ToolCall):
                        calls.append(event)
                    for told in self._quoting.feed(self._renumbered(event)):
                        yield told
            for told in self._quoting.finish():
                yield told
            assert done is not None, "a turn ends with Done"
            own = [call for call in calls if not self._is_clients(call)]
            self._story.turn(done, own)
            goes_on = bool(own) and len(own) == len(calls) and done.finish_reason == "tool_calls"
            if not goes_on or self._closing:
                reason = "stop" if goes_on else done.finish_reason
                yield self._story.done(reason, done.stop)
                return
            for call in own:
                yield ToolStarted(call)
                result = await self._run(call)
                self._story.result(call, result)
                yield ToolFinished(call, result.output, result.failed, result.detail)
            next_turn = await self._next()
            if next_turn is None:
                yield self._story.done("length", None)
                return
            turn = next_turn

    def _is_clients(self, call: ToolCall) -> bool:
        """Whether the client has declared the function; what nobody has is answered here."""
        names = {tool.name for tool in self._first.tools}
        return call.recipient.startswith("functions.") and call.name in names

    def _renumbered(self, event: Event) -> Event:
        """Numbers messages through all turns, and puts a blank line between turns."""
        if not isinstance(event, Text | Reasoning):
            return event
        kind = type(event)
        item = self._base + event.item
        self._items = max(self._items, item + 1)
        text, lead = event.text, event.lead
        if kind in self._fresh and self._said[kind] and not lead:
            text, lead = GAP + text, len(GAP)
        self._fresh.discard(kind)
        self._said[kind] = True
        return replace(event, text=text, item=item, lead=lead)

    async def _run(self, call: ToolCall) -> Result:
        if self._calls_left <= 0:
            self._closing = True
            return Result(NO_MORE, failed=True)
        self._calls_left -= 1
        work = asyncio.ensure_future(asyncio.to_thread(self._toolbox.run, call))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A page that is being fetched ends by itself, soon; code is killed.
            for _ in range(CANCEL_TRIES):
                self._toolbox.cancel()
                await asyncio.wait([work], timeout=CANCEL_SECONDS)
                if work.done():
                    break
            raise

    async def _next(self) -> AsyncGenerator[Event, None] | None:
        """Starts the next turn; None if there is no room for it."""
        first = self._first
        left = None if first.max_tokens is None else first.max_tokens - self._story.generated
        if left is not None and left <= 0:
            return None
        choice = first.tool_choice
        if choice.mode == "required":
            choice = replace(choice, mode="auto")  # a call was made
        if self._closing:
            choice = ToolChoice("none")
        request = replace(
            first,
            messages=[*first.messages, *self._story.messages],
            max_tokens=left,
            tool_choice=choice,
        )
        try:
            return await self._start(request)
        except Error as problem:
            if getattr(problem, "code", None) == "context_length_exceeded":
                return None
            raise
