"""What the handlers of responses share."""

from __future__ import annotations

from dataclasses import dataclass, field

from gptoss_metal.server.problem import Problem
from gptoss_metal.server.request import BuiltIn
from gptoss_metal.server.responses.background import Background
from gptoss_metal.server.responses.items_in import Item
from gptoss_metal.server.responses.recall import Recall
from gptoss_metal.server.responses.seal import Seal
from gptoss_metal.server.responses.store import Store
from gptoss_metal.server.served import Served

PENDING = ("queued", "in_progress")


@dataclass(frozen=True)
class Office:
    """What the handlers of responses share.

    Attributes:
        served: who answers.
        store: keeps responses.
        recall: finds earlier answers.
        seal: closes reasoning.
        background: responses that are made while nobody waits.
    """

    served: Served
    store: Store
    recall: Recall
    seal: Seal
    background: Background = field(default_factory=Background)

    def missing(self, builtin: BuiltIn) -> Problem | None:
        """Why the server cannot run a built-in tool; None if it can."""
        try:
            self.served.turns.builtins.check([builtin], self.served.model.vocabulary)
        except Problem as problem:
            return problem
        return None

    def earlier(self, previous: str | None) -> list[Item]:
        """The items of a stored conversation: what was asked and answered.

        Raises:
            Problem: it is not stored, or a part of it is not, or it is not complete yet.
        """
        if previous is None:
            return []
        chain = self.store.chain(previous)
        if chain is None:
            raise Problem(
                f"[serve] there is no stored response {previous!r} with all it went on from. "
                "Try: send the conversation as input.",
                code="previous_response_not_found",
                param="previous_response_id",
            )
        if any(stored.body["status"] in PENDING for stored in chain):
            raise Problem(
                f"[serve] the response {previous!r} is not complete yet. Try: wait for it.",
                code="invalid_value",
                param="previous_response_id",
            )
        return [item for stored in chain for item in (*stored.input, *stored.body["output"])]
