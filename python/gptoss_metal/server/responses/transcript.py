"""What a turn adds to the conversation, as messages."""

from __future__ import annotations

from gptoss_metal.events import Done, Event, Reasoning, Text, ToolFinished
from gptoss_metal.server.responses.history import ChatMessage


class Transcript:
    """Gathers the messages of a turn from its events, those of built-in tools included."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        """The assistant's messages and the results of built-in tools, in order."""
        self._reasoning = ""
        self._text = ""

    def take(self, event: Event) -> None:
        """Takes the turn's next event."""
        if isinstance(event, Reasoning):
            self._reasoning += event.text
        elif isinstance(event, Text):
            self._text += event.text
        elif isinstance(event, ToolFinished):
            self._finished(event)
        elif isinstance(event, Done):
            self.messages.append(event.message)

    def _finished(self, event: ToolFinished) -> None:
        call = event.call
        said: ChatMessage = {"role": "assistant", "content": self._text}
        if self._reasoning:
            said["reasoning"] = self._reasoning
        function = {"name": call.name, "arguments": call.arguments}
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "recipient": call.recipient, "function": function}
        ]
        result = {"role": "tool", "tool_call_id": call.id, "content": event.output}
        self.messages += [said, result]
        self._reasoning = self._text = ""
