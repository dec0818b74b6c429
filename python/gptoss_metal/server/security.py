"""Who may speak to the server: keys, host names, and web pages' origins."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from gptoss_metal.errors import Error
from gptoss_metal.server.problem import Problem

LOCAL_NAMES: Final = frozenset({"localhost", "host.docker.internal"})
"""Names of this machine that nobody can point elsewhere."""
APP_SCHEMES: Final = frozenset({"app", "file", "tauri", "vscode-file", "vscode-webview"})
"""Origins of desktop programs; no web page can have one."""
OPEN_PATHS: Final = frozenset({"/", "/health"})
"""What needs no key."""


@dataclass(frozen=True)
class Security:
    """What requests must show.

    A web page that a user visits can send requests to this machine, and with DNS rebinding read
    the answers under a name of its own. So browsers' requests are taken from local pages only, and
    requests only under names that are this machine's.

    Attributes:
        host: the address the server listens on.
        api_key: what clients must know; None lets everybody in, whatever key they send.
        allowed_hosts: more names the server may be called by; ``*`` for any.
        allowed_origins: more origins of web pages, e.g. ``https://chat.example``; ``*`` for any.

    Raises:
        Error: other machines could reach the server, and there is no key.
    """

    host: str = "127.0.0.1"
    api_key: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks that host and key go together."""
        if self.api_key is not None and not self.api_key.strip():
            raise Error("[serve] the API key is empty. Try: a long random one, or none.")
        if self.api_key is None and not is_loopback(self.host):
            raise Error(
                f"[serve] other machines can reach {self.host or 'every address'}, and there is no "
                "API key. Try: set GPTOSS_METAL_API_KEY or --api-key, or --host 127.0.0.1."
            )

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Lets a request pass.

        Args:
            path: of the request.
            headers: its headers, by names in lower case.

        Raises:
            Problem: forbidden (host or origin) or unauthorized.
        """
        host = headers.get("host")
        if host is not None and not self.allows_host(host):
            raise Problem(
                f"[serve] this server is not called {_shown(host)}. "
                "Try: its address, or serve with --allowed-host NAME.",
                "forbidden",
                code="host_not_allowed",
            )
        origin = headers.get("origin")
        if origin is not None and not self.allows_origin(origin, host):
            raise Problem(
                f"[serve] pages of {_shown(origin)} may not use this server. "
                "Try: serve with --allowed-origin ORIGIN.",
                "forbidden",
                code="origin_not_allowed",
            )
        if path not in OPEN_PATHS:
            self._check_key(headers)

    def allows_host(self, host: str) -> bool:
        """Whether the server may be called so, e.g. ``localhost:8080``."""
        name = _host_name(host)
        if name is None:
            return False
        if "*" in self.allowed_hosts or name in map(str.lower, self.allowed_hosts):
            return True
        if name in LOCAL_NAMES or name.endswith(".localhost") or name == self.host.lower():
            return True
        own = socket.gethostname().lower()
        if name in (own, f"{own}.local"):
            return True
        # A bare address is never rebound; on loopback only loopback addresses can be meant.
        return is_address(name) and (is_loopback(name) or not is_loopback(self.host))

    def allows_origin(self, origin: str, host: str | None = None) -> bool:
        """Whether pages of an origin may use the server.

        Args:
            origin: as browsers send it, e.g. ``http://localhost:3000``.
            host: the request's Host header: its own pages may.
        """
        if "*" in self.allowed_origins or origin in self.allowed_origins:
            return True
        parts = _split(origin)
        if parts is None:
            return False
        scheme, netloc, name = parts
        if scheme in APP_SCHEMES:
            return True
        if scheme not in ("http", "https") or name is None:
            return False
        local = name == "localhost" or name.endswith(".localhost") or is_loopback(name)
        return local or netloc == host

    def _check_key(self, headers: Mapping[str, str]) -> None:
        if self.api_key is None:
            return
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if not hmac.compare_digest(_digest(given), _digest(self.api_key)):
            what = "a wrong API key" if given else "no API key"
            raise Problem(
                f"[serve] {what}. Try: Authorization: Bearer KEY, as the server was started with.",
                "unauthorized",
                code="invalid_api_key",
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    if host == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def is_address(name: str) -> bool:
    """Whether it is an IP address, not a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str | None:
    parts = _split(f"http://{host}")
    return parts[2] if parts is not None and "@" not in host and "/" not in host else None


def _split(url: str) -> tuple[str, str, str | None] | None:
    """Scheme, host with port, and host."""
    try:
        parts = urlsplit(url)
        name = parts.hostname
    except ValueError:
        return None
    return parts.scheme, parts.netloc, name.rstrip(".") if name else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _shown(text: str) -> str:
    return repr(text[:80])
