"""Items to messages: what the model is told of the conversation so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gptoss_metal.server.responses import machine
from gptoss_metal.server.responses.items_in import Item, output_text
from gptoss_metal.server.responses.tools import flattened

ChatMessage = dict[str, Any]

GAP: Final = "\n\n"
"""Stands between several texts of one turn, as `gptoss_metal.chat` joins them."""

_CALLS: Final = ("function_call", "custom_tool_call", *machine.CALLS)
_HOSTED: Final = ("web_search_call", "code_interpreter_call")


@dataclass(frozen=True)
class Answer:
    """What the model once answered.

    Attributes:
        items: the response's output.
        messages: the same as messages, with the ids as generated.
    """

    items: Sequence[Item]
    messages: Sequence[ChatMessage]


Recall = Callable[[str], Answer | None]
"""The answer that an item id or a call id belongs to, if it is still known."""


@dataclass
class _Turn:
    """An assistant's message while its items are gathered."""

    reasoning: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    calls: list[ChatMessage] = field(default_factory=list)
    over: bool = False

    def message(self) -> ChatMessage:
        message: ChatMessage = {"role": "assistant", "content": GAP.join(self.texts)}
        if self.reasoning:
            message["reasoning"] = GAP.join(self.reasoning)
        if self.calls:
            message["tool_calls"] = self.calls
        return message

    @property
    def empty(self) -> bool:
        return not (self.reasoning or self.texts or self.calls)


def read_history(items: Sequence[Item], recall: Recall) -> list[ChatMessage]:
    """Messages of a conversation, in order.

    Consecutive items of the assistant make one message. Where they are those of a response that is
    still known, the message is the one generated then, token by token.

    Args:
        items: as `ItemReader` returns them, or as a response's output holds them.
        recall: finds earlier answers.
    """
    messages: list[ChatMessage] = []
    turn = _Turn()
    place = 0
    while place < len(items):
        item = items[place]
        if not _is_assistants(item):
            turn = _finish(turn, messages)
            messages.append(_other(item))
            place += 1
            continue
        known, taken = _recalled(items, place, recall) if turn.empty else ((), 0)
        if taken:
            messages += known
            place += taken
            continue
        turn = _add(turn, item, messages)
        place += 1
    _finish(turn, messages)
    return messages


def _is_assistants(item: Item) -> bool:
    kind = item["type"]
    own = kind in ("reasoning", *_CALLS, *_HOSTED)
    return own or (kind == "message" and item["role"] == "assistant")


def _other(item: Item) -> ChatMessage:
    kind = item["type"]
    if kind == "message":
        return {"role": item["role"], "content": _text(item["content"])}
    if kind in ("function_call_output", "custom_tool_call_output"):
        return {"role": "tool", "tool_call_id": item["call_id"], "content": output_text(item)}
    id_ = item.get("call_id", item["id"])
    return {"role": "tool", "tool_call_id": id_, "content": machine.output_text(item)}


def _add(turn: _Turn, item: Item, messages: list[ChatMessage]) -> _Turn:
    """Adds an item to the turn; to a new one, if this item shows that the turn was over."""
    kind = item["type"]
    ended = bool(turn.calls) and kind not in _CALLS
    if ended or (turn.over and kind != "message"):
        turn = _finish(turn, messages)
    if kind == "reasoning":
        turn.reasoning += [text for text in [_thought(item)] if text]
    elif kind == "message":
        turn.texts += [text for text in [_text(item["content"])] if text]
        turn.over = item.get("phase") != "commentary"
    elif kind == "code_interpreter_call":
        turn = _code(turn, item, messages)
    elif kind in _CALLS:
        turn.calls.append(_call(item))
    return turn  # what a web search found went with its response: nothing is left to tell


def _finish(turn: _Turn, messages: list[ChatMessage]) -> _Turn:
    if not turn.empty:
        messages.append(turn.message())
    return _Turn()


def _code(turn: _Turn, item: Item, messages: list[ChatMessage]) -> _Turn:
    """A call of python with what it printed, if the client was given that."""
    outputs = item.get("outputs")
    if outputs is None:
        return turn
    function = {"name": "python", "arguments": item["code"]}
    turn.calls.append(
        {"id": item["id"], "type": "function", "recipient": "python", "function": function}
    )
    fresh = _finish(turn, messages)
    logs = [str(output.get("logs", "")) for output in outputs if isinstance(output, dict)]
    messages.append({"role": "tool", "tool_call_id": item["id"], "content": "".join(logs)})
    return fresh


def _call(item: Item) -> ChatMessage:
    kind, id_ = item["type"], item["call_id"]
    if kind in machine.CALLS:
        function = {"name": machine.CALLS[kind], "arguments": machine.call_arguments(item)}
        return {"id": id_, "type": "function", "function": function}
    name = flattened(item.get("namespace"), item["name"])
    if kind == "custom_tool_call":
        return {"id": id_, "type": "custom", "custom": {"name": name, "input": item["input"]}}
    function = {"name": name, "arguments": item["arguments"]}
    return {"id": id_, "type": "function", "function": function}


def _thought(item: Item) -> str:
    """The reasoning's text; its summary where a server gave nothing else."""
    return _text(item.get("content") or ()) or _text(item.get("summary") or ())


def _text(parts: Sequence[Item]) -> str:
    return "".join(str(part.get("text", part.get("refusal", ""))) for part in parts)


def _recalled(
    items: Sequence[Item], place: int, recall: Recall
) -> tuple[Sequence[ChatMessage], int]:
    """The messages of the answer that begins here, and how many items it takes; or none, 0."""
    answer = None
    end = place
    while end < len(items) and _is_assistants(items[end]):
        if answer is None:
            item = items[end]
            answer = recall(item["id"]) or recall(item.get("call_id", ""))
        end += 1
    if answer is None or not answer.messages:
        return (), 0
    taken = _matching(items[place:end], answer.items)
    return (answer.messages, taken) if taken else ((), 0)


def _matching(run: Sequence[Item], known: Sequence[Item]) -> int:
    """How many items at the start of `run` say what `known` says; 0 if they differ.

    Reasoning need not be there: clients may leave it out, or its text. Where it is, it must be
    the same.
    """
    expected = list(known)
    taken = 0
    for item in run:
        if not expected:
            break
        if item["type"] != "reasoning":
            while expected and expected[0]["type"] == "reasoning":
                expected.pop(0)
        if not expected or not _same(item, expected.pop(0)):
            return 0
        taken += 1
    rest = [item for item in expected if item["type"] != "reasoning"]
    return 0 if rest else taken


def _same(item: Item, known: Item) -> bool:
    if item["type"] == known["type"] == "reasoning" and not _thought(item):
        return True
    return _said(item) == _said(known)


def _said(item: Item) -> tuple[str, ...]:
    kind = item["type"]
    if kind == "reasoning":
        return kind, _thought(item)
    if kind == "message":
        return kind, _text(item["content"])
    if kind == "web_search_call":
        return (kind,)
    if kind == "code_interpreter_call":
        return kind, item["code"] or ""
    if kind in machine.CALLS:
        return kind, item["call_id"], machine.call_arguments(item)
    payload = item["arguments"] if kind == "function_call" else item["input"]
    return kind, item["call_id"], flattened(item.get("namespace"), item["name"]), payload
