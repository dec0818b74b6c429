"""A problem as each API's clients expect to read it."""

from __future__ import annotations

from typing import Any, Final

from gptoss_metal.server.problem import Kind, Problem

OPENAI_TYPES: Final[dict[Kind, str]] = {
    "unauthorized": "authentication_error",
    "forbidden": "permission_error",
    "busy": "rate_limit_error",
    "unavailable": "server_error",
    "internal": "server_error",
}
ANTHROPIC_TYPES: Final[dict[Kind, str]] = {
    "unauthorized": "authentication_error",
    "forbidden": "permission_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "busy": "rate_limit_error",
    "unavailable": "overloaded_error",
    "internal": "api_error",
}


def error_body(path: str, problem: Problem) -> dict[str, Any]:
    """The JSON body of a failed request.

    Args:
        path: of the request; it tells which API the client speaks.
        problem: what failed.
    """
    if path.startswith("/api/"):
        return {"error": str(problem)}
    if path.startswith("/v1/messages"):
        kind = ANTHROPIC_TYPES.get(problem.kind, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": str(problem)}}
    return openai_error(problem)


def openai_error(problem: Problem) -> dict[str, Any]:
    """OpenAI's error object, under ``error``."""
    return {
        "error": {
            "message": str(problem),
            "type": OPENAI_TYPES.get(problem.kind, "invalid_request_error"),
            "param": problem.param,
            "code": problem.code,
        }
    }


def headers(problem: Problem) -> dict[str, str]:
    """Headers that go with a failed request."""
    out = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    if problem.kind == "unauthorized":
        out["WWW-Authenticate"] = "Bearer"
    return out
