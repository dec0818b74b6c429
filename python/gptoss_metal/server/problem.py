"""What a request can fail with; each API writes it in its own shape."""

from __future__ import annotations

from typing import Final, Literal

from gptoss_metal.errors import Error

Kind = Literal[
    "invalid",  # the request cannot be read, or cannot be
    "unauthorized",
    "forbidden",
    "not_found",
    "too_large",
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
    "too_large": 413,
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
