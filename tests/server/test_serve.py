"""``gptoss-metal serve`` as a process."""

from __future__ import annotations

import httpx

from tests.running import Running


def test_health_names_backend_and_device(server: Running) -> None:
    found = httpx.get(f"{server.url}/health", trust_env=False)
    assert found.status_code == 200
    body = found.json()
    assert body["status"] == "ok"
    assert body["backend"] in ("cpu", "metal")
    assert body["device"]
