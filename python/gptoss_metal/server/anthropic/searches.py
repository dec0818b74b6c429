"""Content blocks of calls: the client's tools, and the server's own searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gptoss_metal.events import Citation, ToolFinished

Json = dict[str, Any]


def tool_use(id_: str, name: str, kind: str = "tool_use") -> Json:
    """The block of a call, before its input."""
    return {"type": kind, "id": id_, "name": name, "input": {}}


def is_own(recipient: str) -> bool:
    """Whether a call goes to a tool that the server runs itself."""
    return recipient == "python" or recipient.startswith("browser.")


def query_of(event: ToolFinished) -> str | None:
    """What was searched for; None if the tool did something else, e.g. opened a page."""
    action = event.detail.get("action")
    if not isinstance(action, Mapping) or action.get("type") != "search":
        return None
    return str(action.get("query") or "")


def results(id_: str, event: ToolFinished) -> Json:
    """The block of what a search found."""
    content: Any = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    if not event.failed:
        content = [_result(source) for source in event.detail["action"].get("sources") or ()]
    return {"type": "web_search_tool_result", "tool_use_id": id_, "content": content}


def citation(event: Citation) -> Json:
    """A source of the answer's text."""
    return {
        "type": "web_search_result_location",
        "url": event.url,
        "title": event.title,
        "cited_text": "",
        "encrypted_index": "",
    }


def _result(source: Mapping[str, Any]) -> Json:
    url = str(source.get("url") or "")
    return {
        "type": "web_search_result",
        "url": url,
        "title": str(source.get("title") or url),
        "encrypted_content": "",
        "page_age": None,
    }
