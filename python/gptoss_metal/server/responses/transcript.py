"""What a turn adds to the conversation, as messages."""

from __future__ import annotations

from gptoss_metal.events import Done, Event
from gptoss_metal.server.responses.history import ChatMessage


class Transcript:
    """Gathers the messages of a turn from its events."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        """The assistant's messages, each with the ids as generated."""

    def take(self, event: Event) -> None:
        """Takes the turn's next event."""
        if isinstance(event, Done):
            self.messages.append(event.message)
