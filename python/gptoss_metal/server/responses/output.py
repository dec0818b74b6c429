"""Output items while they are written: what each sends, and what it is in the end.

Every item yields its events as dictionaries without a sequence number, in the order that OpenAI
documents: added, its parts or arguments, done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from gptoss_metal.server.responses.ids import new_id
from gptoss_metal.server.responses.items_in import PREFIXES, Item
from gptoss_metal.server.responses.seal import Seal

Wire = dict[str, Any]
Status = Literal["in_progress", "completed", "incomplete", "failed", "searching", "interpreting"]


class Output(ABC):
    """An output item.

    Args:
        index: its place in the response's output.
    """

    kind: str

    def __init__(self, index: int) -> None:
        self.index = index
        self.id = new_id(PREFIXES[self.kind])

    @abstractmethod
    def item(self, status: Status) -> Item:
        """The item as it is now."""

    def event(self, type_: str, **more: Any) -> Wire:
        """An event about this item."""
        return {
            "type": f"response.{type_}",
            "item_id": self.id,
            "output_index": self.index,
            **more,
        }

    def added(self, status: Status = "in_progress") -> Wire:
        """The event that opens the item."""
        return {
            "type": "response.output_item.added",
            "output_index": self.index,
            "item": self.item(status),
        }

    def done(self, status: Status = "completed") -> Wire:
        """The event that closes the item."""
        return {
            "type": "response.output_item.done",
            "output_index": self.index,
            "item": self.item(status),
        }

    def close(self, status: Status) -> Iterator[Wire]:
        """Everything that is left to send; the last one is `done`."""
        yield self.done(status)


class TextOutput(Output):
    """An item with one text part: reasoning, or a message."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.text = ""

    @abstractmethod
    def part(self) -> Item:
        """The part as it is now."""

    def open(self) -> Iterator[Wire]:
        """Sends the item and its empty part."""
        yield self.added()
        yield self.event("content_part.added", content_index=0, part=self.part())

    def close(self, status: Status) -> Iterator[Wire]:
        """Sends the whole text, the part and the item."""
        yield self.text_done()
        yield self.event("content_part.done", content_index=0, part=self.part())
        yield self.done(status)

    @abstractmethod
    def text_done(self) -> Wire:
        """The event that tells the whole text."""


class ReasoningOutput(TextOutput):
    """What the model thought.

    Args:
        index: its place in the output.
        seal: None unless the item shall carry a sealed copy.
    """

    kind = "reasoning"

    def __init__(self, index: int, seal: Seal | None) -> None:
        super().__init__(index)
        self._seal = seal

    def item(self, status: Status) -> Item:
        """The item; a sealed copy is in it when it is complete."""
        begun = status == "in_progress"
        item: Item = {
            "id": self.id,
            "type": self.kind,
            "summary": [],
            "content": [] if begun else [self.part()],
            "status": status,
        }
        if self._seal is not None and not begun:
            item["encrypted_content"] = self._seal.close(self.text)
        return item

    def part(self) -> Item:
        """The text so far."""
        return {"type": "reasoning_text", "text": self.text}

    def write(self, text: str) -> Iterator[Wire]:
        """More of it."""
        self.text += text
        yield self.event("reasoning_text.delta", content_index=0, delta=text)

    def text_done(self) -> Wire:
        """The whole text."""
        return self.event("reasoning_text.done", content_index=0, text=self.text)


class MessageOutput(TextOutput):
    """What the model said.

    Args:
        index: its place in the output.
        channel: ``final``, or ``commentary`` for what is said before a tool call.
    """

    kind = "message"

    def __init__(self, index: int, channel: str) -> None:
        super().__init__(index)
        self.channel = channel
        self.annotations: list[Item] = []
        self.logprobs: list[Item] = []

    def item(self, status: Status) -> Item:
        """The item."""
        return {
            "id": self.id,
            "type": self.kind,
            "role": "assistant",
            "content": [] if status == "in_progress" else [self.part()],
            "phase": "commentary" if self.channel == "commentary" else "final_answer",
            "status": status,
        }

    def part(self) -> Item:
        """The text so far, with its sources and log-probabilities."""
        return {
            "type": "output_text",
            "text": self.text,
            "annotations": list(self.annotations),
            "logprobs": list(self.logprobs),
        }

    def write(self, text: str, logprobs: Sequence[Item] = ()) -> Iterator[Wire]:
        """More of it.

        Args:
            text: what to append.
            logprobs: of its tokens, in the form of the finished part.
        """
        self.text += text
        self.logprobs += logprobs
        yield self.event("output_text.delta", content_index=0, delta=text, logprobs=_bare(logprobs))

    def cite(self, annotation: Item) -> Iterator[Wire]:
        """A source of the text."""
        self.annotations.append(annotation)
        yield self.event(
            "output_text.annotation.added",
            content_index=0,
            annotation_index=len(self.annotations) - 1,
            annotation=annotation,
        )

    def text_done(self) -> Wire:
        """The whole text."""
        return self.event(
            "output_text.done", content_index=0, text=self.text, logprobs=_bare(self.logprobs)
        )


def _bare(logprobs: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Log-probabilities as events tell them: without bytes."""
    return [
        {
            "token": entry["token"],
            "logprob": entry["logprob"],
            "top_logprobs": [
                {"token": other["token"], "logprob": other["logprob"]}
                for other in entry["top_logprobs"]
            ],
        }
        for entry in logprobs
    ]
