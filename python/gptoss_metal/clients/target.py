"""Where a client finds the server, and what it asks for there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gptoss_metal.errors import Error

DEFAULT_URL: Final = "http://127.0.0.1:8080"
PROVIDER: Final = "gptoss-metal"
"""What clients that keep several providers call ours."""
KEY_VARIABLE: Final = "GPTOSS_METAL_API_KEY"
NO_KEY: Final = "none"
"""Stands where a client insists on a key and the server asks for none."""


@dataclass(frozen=True)
class Target:
    """A server and one of its models.

    Attributes:
        url: of the server, without a path and without a slash at its end.
        model: as the server names it.
        context: tokens of prompt and answer together.
        api_key: what the server asks for; None if it asks for none.
    """

    url: str
    model: str
    context: int
    api_key: str | None = None

    @property
    def openai_url(self) -> str:
        """The base URL of OpenAI's APIs."""
        return self.url + "/v1"

    @property
    def key(self) -> str:
        """The key, or what stands for none."""
        return self.api_key or NO_KEY


def server_url(given: str) -> str:
    """The server's URL as `Target` wants it; a path ``/v1`` that people add is taken off.

    Raises:
        Error: it is no http or https URL of a server.
    """
    url = given.rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.path
        sound = sound and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is none
        sound = False
    if not sound or parts.query or parts.fragment:
        raise Error(f"[url] {given!r} is not a server's URL. Try: {DEFAULT_URL}")
    return url
