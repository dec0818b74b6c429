"""What a server serves: the model's names, and its turns."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from gptoss_metal import aliases
from gptoss_metal.events import Event, Token
from gptoss_metal.preset import Preset
from gptoss_metal.server.loader import Card
from gptoss_metal.server.metrics import Metrics
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.raw import RawDone, RawRequest
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.turns import Turns


@dataclass
class Served:
    """The state all APIs share.

    Attributes:
        names: what clients may call the model; the first is the one reported.
        turns: runs turns.
        created: when the server started, in seconds since 1970.
        metrics: what ``/metrics`` shows.
    """

    names: tuple[str, ...]
    turns: Turns
    created: int = field(default_factory=lambda: int(time.time()))
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        """Makes the metrics."""
        self.metrics = Metrics(self.turns.engine.stats)

    @property
    def model(self) -> Card:
        """What is known of the model, loaded or not.

        Raises:
            Problem: it is being loaded for the first time.
        """
        return self.turns.card

    def preset(self, name: str) -> Preset:
        """What a client's name for the model stands for: one of `names`, or an alias of the model.

        Raises:
            Problem: model_not_found.
        """
        found = aliases.served(name, self.names, self.model.info.path)
        if found is None:
            raise Problem(
                f"[serve] there is no model {name[:80]!r}. Try: {', '.join(self.names)}.",
                "not_found",
                code="model_not_found",
                param="model",
            )
        return found

    def check_name(self, name: str) -> None:
        """Raises Problem (model_not_found) unless clients may use that name."""
        self.preset(name)

    def all_names(self) -> list[str]:
        """What clients may call the model: `names`, then the aliases of it."""
        return aliases.served_names(self.names, self.model.info.path)

    async def open(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        """Runs a turn of a model by its name, with the defaults of its alias; see `Turns.open`.

        Raises:
            Problem: the request is refused; nothing has been sent yet.
        """
        full = request.with_defaults(self.preset(request.model))
        return self.metrics.watch(await self.turns.open(full))

    async def open_raw(self, request: RawRequest) -> AsyncGenerator[Token | RawDone, None]:
        """Continues tokens without harmony; the last item is a `RawDone`.

        Raises:
            Problem: the request is refused.
        """
        self.check_name(request.model)
        return self.metrics.watch(self.turns.raw(request))
