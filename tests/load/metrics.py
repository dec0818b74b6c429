"""Numbers of a running server."""

from __future__ import annotations

import httpx

from tests.running import Running


def metric(server: Running, name: str) -> float:
    """A number of /metrics."""
    for line in httpx.get(f"{server.url}/metrics", trust_env=False).text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise AssertionError(f"no metric {name}")
