"""Anthropic's messages and content blocks as Chat Completions' messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gptoss_metal.harmony.messages import Message
from gptoss_metal.server.anthropic.signature import held
from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem

ROLES: Final = ("user", "assistant", "system")
RAW: Final = "raw"
"""The key under which a call's input travels that is no JSON object."""
GAP: Final = "\n\n"
UNREAD: Final = (
    "redacted_thinking",  # another service's, which nobody can read
    "server_tool_use",  # what the server searched; the answer has what it found
    "web_search_tool_result",
)
"""Blocks of an earlier answer that are passed over."""


def read_messages(fields: Fields) -> list[Message]:
    """The request's messages.

    Raises:
        Problem: none, one that cannot be read, or a last one of the assistant.
    """
    given = fields.items("messages")
    if not given:
        raise Problem(
            '[serve] no messages. Try: [{"role": "user", "content": "Hello"}].', param="messages"
        )
    found: list[Message] = []
    for number, item in enumerate(given):
        inner = Fields(item if isinstance(item, Mapping) else {}, f"messages[{number}].")
        role = inner.choice("role", ROLES)
        if role is None:
            raise inner.wrong("role", ", ".join(ROLES))
        if role == "assistant":
            found.append(_assistant(inner))
        else:
            found += _others(role, inner)
    if given[-1]["role"] == "assistant":
        raise Problem(
            "[serve] the last message is the assistant's, and gpt-oss does not go on with a text. "
            "Try: a user's message at the end.",
            param="messages",
        )
    return found


def read_system(fields: Fields) -> str | None:
    """``system``: a string or text blocks.

    Raises:
        Problem: something else.
    """
    if fields.body.get("system") is None:
        return None
    texts = [_text(block) for block in _blocks(fields, "system")]
    return GAP.join(text for text in texts if text) or None


def _blocks(fields: Fields, name: str) -> list[Fields]:
    """The content's blocks, each with its place; a string is one text block."""
    content = fields.body.get(name)
    if content is None:
        return []
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise fields.wrong(name, "a string, or a list of content blocks")
    return [
        Fields(block if isinstance(block, Mapping) else {}, f"{fields.where}{name}[{i}].")
        for i, block in enumerate(content)
    ]


def _others(role: str, fields: Fields) -> Iterator[Message]:
    """A user's or system message: its texts, and each tool's result on its own, in order."""
    texts: list[str] = []
    for block in _blocks(fields, "content"):
        if block.text("type") != "tool_result":
            texts.append(_text(block))
            continue
        if texts:
            yield {"role": role, "content": GAP.join(texts)}
            texts = []
        yield _result(block)
    if texts:
        yield {"role": role, "content": GAP.join(texts)}


def _result(block: Fields) -> Message:
    text = GAP.join(_text(inner) for inner in _blocks(block, "content"))
    if block.flag("is_error") and not text.lower().startswith("error"):
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": block.required("tool_use_id"), "content": text}


def _assistant(fields: Fields) -> Message:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in _blocks(fields, "content"):
        kind = block.text("type")
        if kind == "thinking":
            thoughts.append(block.text("thinking") or held(block.text("signature") or ""))
        elif kind == "tool_use":
            calls.append(_call(block))
        elif kind not in UNREAD:
            texts.append(_text(block))
    out: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
    if any(thoughts):
        out["reasoning"] = GAP.join(thought for thought in thoughts if thought)
    if calls:
        out["tool_calls"] = calls
    return out


def _call(block: Fields) -> dict[str, Any]:
    given = block.object("input") or {}
    text = json.dumps(given, ensure_ascii=False)
    if list(given) == [RAW] and isinstance(given[RAW], str):
        text = given[RAW]
    function = {"name": block.required("name"), "arguments": text}
    return {"id": block.required("id"), "type": "function", "function": function}


def _text(block: Fields) -> str:
    """The text of a block that has one."""
    kind = block.text("type")
    if kind == "text":
        text = block.text("text")
        if text is None:
            raise block.wrong("text", "a string")
        return text
    source = block.inner("source") if kind == "document" else None
    if source is not None and source.text("type") == "text":
        return source.text("data") or ""
    raise Problem(
        f"[serve] {block.where.rstrip('.')} is of type {kind!r}, and gpt-oss reads text only. "
        'Try: {"type": "text", "text": …}.',
        param=f"{block.where}type",
    )
