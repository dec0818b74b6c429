"""The turn engine's door: an API's request in, events out."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from gptoss_metal import aio
from gptoss_metal.events import Event, Token
from gptoss_metal.model import Model
from gptoss_metal.server.raw import RawDone, RawRequest
from gptoss_metal.server.request import TurnRequest


class Turns:
    """Runs turns.

    Args:
        model: who answers.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def start(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        """Runs a turn; closing the generator cancels it.

        Returns:
            Its events; the last one is `Done`.

        Raises:
            Problem: the request cannot be read, is too long, or finds no room. Raised here, before
                the first event, so that it becomes an HTTP status.
        """
        return self._model.achat(
            request.messages,
            request.tools,
            request.reasoning_effort or "medium",
            request.sampling,
            request.max_tokens,
            instructions=request.instructions,
            response_format=request.response_format,
            builtins=request.builtins,
            tool_choice=request.tool_choice,
        )

    async def raw(self, request: RawRequest) -> AsyncGenerator[Token | RawDone, None]:
        """Continues tokens without harmony; the last item is a `RawDone`."""
        run = self._model.generate(request.prompt, request.sampling, request.max_tokens)
        async for token in aio.iterate(run):
            yield token
        yield RawDone(run.finish_reason or "stop", run.usage)
