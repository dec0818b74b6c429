"""What a server serves: the model's names, and its turns."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from gptoss_metal import aliases
from gptoss_metal.events import Event
from gptoss_metal.model import Model
from gptoss_metal.preset import Preset
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

    def preset(self, name: str) -> Preset:
        """What a client's name for the model stands for: one of `names`, or an alias.

        Raises:
            Problem: model_not_found.
        """
        found = aliases.served(name, self.names, self.model.info.path)
        if found is None:
            raise Problem(
                f"[serve] there is no model {name!r}. Try: {', '.join(self.names)}.",
                "not_found",
                code="model_not_found",
                param="model",
            )
        return found

    def turn(self, request: TurnRequest) -> AsyncGenerator[Event, None]:
        """Runs a turn of a model by its name, with the defaults of its alias.

        Raises:
            Problem: see `preset` and `Turns.start`.
        """
        return self.turns.start(request.with_defaults(self.preset(request.model)))
