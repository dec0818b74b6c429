"""The response object."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Literal

from gptoss_metal.events import Usage
from gptoss_metal.server.problem import Kind, Problem

Body = dict[str, Any]
Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

_ERROR_CODES: Final[dict[Kind, str]] = {
    "busy": "rate_limit_exceeded",
    "invalid": "invalid_prompt",
}


def opened(id_: str, echo: Mapping[str, Any], status: Status = "in_progress") -> Body:
    """A response that has no output yet.

    Args:
        id_: its id.
        echo: fields of the request that it repeats.
        status: ``in_progress``, or ``queued``.
    """
    return {
        "id": id_,
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "output": [],
        **echo,
    }


def usage(used: Usage) -> dict[str, Any]:
    """Tokens, as the response tells them."""
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }


def error(problem: Problem) -> dict[str, Any]:
    """Why a response failed."""
    return {"code": _ERROR_CODES.get(problem.kind, "server_error"), "message": str(problem)}
