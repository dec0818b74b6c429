"""What a request can fail with; each API writes it in its own shape."""

from __future__ import annotations

import logging
from typing import Final, Literal

from gptoss_metal.errors import Error

_LOG: Final = logging.getLogger("gptoss_metal.server")

Kind = Literal[
    "invalid",  # the request cannot be read, or cannot be
    "unauthorized",
    "forbidden",
    "not_found",
    "timeout",  # the request's body came too slowly
    "conflict",
    "too_large",
    "headers_too_large",
    "busy",  # too many requests wait
    "unavailable",  # no memory now, loading, or stopping
    "unsupported",
    "internal",
]

STATUS: Final[dict[Kind, int]] = {
    "invalid": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "timeout": 408,
    "conflict": 409,
    "too_large": 413,
    "headers_too_large": 431,
    "busy": 429,
    "unavailable": 503,
    "unsupported": 501,
    "internal": 500,
}


class Problem(Error):
    """A request that fails, with what its API's error object says.

    Attributes:
        kind: decides the HTTP status.
        code: machine-readable, e.g. ``model_not_found``, ``context_length_exceeded``; or None.
        param: the request's field at fault, e.g. ``messages[0].role``; or None.
        retry_after: seconds after which to try again, for the ``Retry-After`` header; or None.
    """

    def __init__(
        self,
        message: str,
        kind: Kind = "invalid",
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.param = param
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.kind]


def as_problem(error: Exception) -> Problem:
    """The problem that an exception of a handler is; one nobody foresaw is logged.

    Args:
        error: a `Problem` stays as it is; any other `Error` says what is wrong with the request.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, Error):
        return Problem(str(error))
    if isinstance(error, RecursionError):
        return Problem("[serve] the request is nested too deeply. Try: a flatter one.")
    if isinstance(error, MemoryError):
        return Problem(
            "[serve] out of memory. Try: again later, or a shorter prompt.",
            "unavailable",
            retry_after=5,
        )
    _LOG.error("a request failed", exc_info=error)
    return Problem(
        f"[serve] {type(error).__name__} inside the server. Try: again; its log has the details.",
        "internal",
    )
