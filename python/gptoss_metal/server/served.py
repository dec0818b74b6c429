"""What a server serves: the model's names, and its turns."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from gptoss_metal.events import Event
from gptoss_metal.model import Model
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import TurnRequest
from gptoss_metal.server.turns import Turns


@dataclass
class Served:
    """The state all APIs share.

    Attributes:
        model: the loaded model.
        names: what clients may call it; the first is the one reported.
        turns: runs turns.
        created: when the server started, in seconds since 1970.
    """

    model: Model
    names: tuple[str, ...]
    turns: Turns
    created: int = field(default_factory=lambda: int(time.time()))

    def check_name(self, name: str) -> None:
        """Raises Problem (model_not_found) unless clients may use that name."""
        if name not in self.names:
            raise Problem(
                f"[serve] there is no model {name!r}. Try: {', '.join(self.names)}.",
                "not_found",
                code="model_not_found",
                param="model",
            )

    def turn(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        """Runs a turn of a model by its name; see `Turns.start`."""
        self.check_name(request.model)
        return self.turns.start(request)
