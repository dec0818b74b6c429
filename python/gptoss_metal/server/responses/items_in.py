"""Input items as clients write them, checked and in their full form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from gptoss_metal.server.body import Fields
from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.ids import new_id
from gptoss_metal.server.responses.seal import Seal

Item = dict[str, Any]

PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "web_search_call": "ws",
    "code_interpreter_call": "ci",
    "apply_patch_call": "apc",
    "apply_patch_call_output": "apco",
    "shell_call": "sh",
    "shell_call_output": "sho",
    "local_shell_call": "lsh",
    "local_shell_call_output": "lsho",
}
"""Item types that can be read, and how their ids begin."""

_ROLES: Final = ("user", "system", "developer", "assistant")
_TEXTS: Final = ("input_text", "output_text", "text", "refusal", "reasoning_text", "summary_text")
_LEFT_OUT: Final = {"input_image": "image", "input_file": "file"}


class ItemReader:
    """Reads the ``input`` of a request.

    Args:
        seal: opens the reasoning that clients carry for the server.
        find: an item of a stored response by its id, for references; None if there is none.
    """

    def __init__(self, seal: Seal, find: Callable[[str], Item | None]) -> None:
        self._seal = seal
        self._find = find

    def read(self, fields: Fields) -> list[Item]:
        """The items of the request, each with ``type`` and ``id``.

        Raises:
            Problem: an item cannot be read, or refers to one that is not stored.
        """
        given = fields.body.get("input")
        if isinstance(given, str):
            return [self._item(Fields({"role": "user", "content": given}, "input."))]
        if not isinstance(given, list | None):
            raise fields.wrong("input", "a string or a list of items")
        items: list[Item] = []
        for number, item in enumerate(given or ()):
            where = f"input[{number}]"
            if not isinstance(item, Mapping):
                raise Problem(f"[serve] {where} is not an item. Try: an object.", param=where)
            items.append(self._item(Fields(item, f"{where}.")))
        return items

    def _item(self, fields: Fields) -> Item:
        kind = fields.text("type") or _shorthand(fields)
        if kind == "item_reference":
            return self._referred(fields)
        if kind not in PREFIXES:
            raise Problem(
                f"[serve] items of type {kind!r} cannot be read. "
                f"Try: {', '.join(PREFIXES)}, or leave it out.",
                param=f"{fields.where}type",
                code="invalid_value",
            )
        item = {**fields.body, "type": kind, "id": fields.text("id") or new_id(PREFIXES[kind])}
        if kind == "message":
            return item | _message(fields)
        if kind == "reasoning":
            return item | self._reasoning(fields)
        if kind.endswith("_output"):
            return item | _output(fields, kind)
        return item | _call(fields, kind)

    def _referred(self, fields: Fields) -> Item:
        id_ = fields.required("id")
        item = self._find(id_)
        if item is None:
            raise Problem(
                f"[serve] there is no item {id_!r}. Items are kept with stored responses only. "
                "Try: send the item itself, or store its response.",
                "not_found",
                param="input",
            )
        return item

    def _reasoning(self, fields: Fields) -> Item:
        summary = _parts(fields, "summary", ("summary_text",))
        content = _parts(fields, "content", ("reasoning_text",))
        sealed = fields.text("encrypted_content")
        if not any(part["text"] for part in content) and sealed:
            content = [
                {
                    "type": "reasoning_text",
                    "text": self._seal.open(sealed, f"{fields.where}encrypted_content"),
                }
            ]
        return {"summary": summary, "content": content, "status": "completed"}


def _shorthand(fields: Fields) -> str:
    if "role" in fields.body:
        return "message"
    return "item_reference" if set(fields.body) <= {"id", "type"} else "without a type"


def _message(fields: Fields) -> Item:
    role = fields.required("role")
    fields.choice("role", _ROLES)
    assistant = role == "assistant"
    kind = "output_text" if assistant else "input_text"
    content = _parts(fields, "content", (kind, "refusal") if assistant else (kind,))
    return {"role": role, "content": content, "status": "completed"}


def _parts(fields: Fields, name: str, kinds: tuple[str, ...]) -> list[Item]:
    """Text parts; those of another kind of text become the first of `kinds`."""
    given = fields.body.get(name)
    if isinstance(given, str):
        return [_part({}, given, kinds[0])]
    parts: list[Item] = []
    for number, part in enumerate(fields.items(name)):
        inner = Fields(
            part if isinstance(part, Mapping) else {}, f"{fields.where}{name}[{number}]."
        )
        kind = "text" if isinstance(part, str) else inner.required("type")
        if kind not in _TEXTS:
            raise Problem(
                f"[serve] {inner.where}type is {kind}, and gpt-oss reads text only. "
                f"Try: {kinds[0]}.",
                param=f"{inner.where}type",
                code="unsupported_content",
            )
        text = part if isinstance(part, str) else inner.text("text") or inner.text("refusal") or ""
        parts.append(_part(inner.body, text, kind if kind in kinds else kinds[0]))
    return parts


def _part(body: Mapping[str, Any], text: str, kind: str) -> Item:
    if kind == "refusal":
        return {"type": kind, "refusal": text}
    if kind != "output_text":
        return {"type": kind, "text": text}
    annotations, logprobs = body.get("annotations") or [], body.get("logprobs") or []
    return {"type": kind, "text": text, "annotations": annotations, "logprobs": logprobs}


def _call(fields: Fields, kind: str) -> Item:
    item: Item = {"status": fields.text("status") or "completed"}
    if kind in ("function_call", "custom_tool_call"):
        fields.text("namespace")
        payload = "arguments" if kind == "function_call" else "input"
        item |= {"call_id": fields.required("call_id"), "name": fields.required("name")}
        item[payload] = fields.text(payload) or ""
    elif kind == "code_interpreter_call":
        item |= {"code": fields.text("code") or "", "outputs": fields.items("outputs") or None}
        item["container_id"] = fields.text("container_id") or ""
    elif kind == "web_search_call":
        item["action"] = dict(fields.object("action") or {"type": "search", "query": ""})
    else:
        item["call_id"] = fields.required("call_id")
        name = "operation" if kind == "apply_patch_call" else "action"
        item[name] = dict(fields.object(name) or {})
    return item


def _output(fields: Fields, kind: str) -> Item:
    item: Item = {"status": fields.text("status") or "completed"}
    if kind == "local_shell_call_output":
        return item | {"id": fields.required("id"), "output": fields.text("output") or ""}
    item["call_id"] = fields.required("call_id")
    output = fields.body.get("output")
    if kind in ("function_call_output", "custom_tool_call_output"):
        item["output"] = _tool_output(output)
    return item


def _tool_output(output: Any) -> str | list[Item]:
    if output is None or isinstance(output, str):
        return output or ""
    if not isinstance(output, list):
        return json.dumps(output, ensure_ascii=False)
    return [dict(part) if isinstance(part, Mapping) else _plain(part) for part in output]


def _plain(part: Any) -> Item:
    text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
    return {"type": "input_text", "text": text}


def output_text(item: Item) -> str:
    """What the model reads of a function's output; of an image it reads that there was one."""
    output = item["output"]
    if isinstance(output, str):
        return output
    return "\n".join(_told(part) for part in output)


def _told(part: Item) -> str:
    kind = part.get("type")
    if not isinstance(kind, str):
        return json.dumps(part, ensure_ascii=False)
    if kind in _TEXTS:
        return str(part.get("text") or part.get("refusal") or "")
    if kind in _LEFT_OUT:
        return f"[{_LEFT_OUT[kind]} left out: gpt-oss reads text only]"
    return json.dumps(part, ensure_ascii=False)
