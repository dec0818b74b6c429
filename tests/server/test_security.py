"""Who may speak to the server."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from gptoss_metal.errors import Error
from gptoss_metal.server.app import Rules, build
from gptoss_metal.server.guard import Guard
from gptoss_metal.server.security import Security
from gptoss_metal.server.served import Served

KEY = "sk-test-0123456789"
PAGES = [
    "https://evil.example",
    "http://evil.example:8080",
    "null",
    "http://127.0.0.1.evil.example",
]
LOCAL_PAGES = [
    "http://localhost:3000",
    "http://127.0.0.1:5173",
    "http://[::1]:80",
    "app://obsidian",
]


def guarded(served: Served, **security: object) -> TestClient:
    """A client of an application with its own security."""
    app = build(served, Rules(Security(**security)))  # type: ignore[arg-type]
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.2", "::", "studio.local"])
def test_other_machines_need_a_key(host: str) -> None:
    with pytest.raises(Error, match="GPTOSS_METAL_API_KEY"):
        Security(host)
    assert Security(host, KEY).api_key == KEY


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.5.5", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    Security(host)


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(Error, match="empty"):
        Security("0.0.0.0", " ")


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(Rules(Security(api_key=KEY)))


@pytest.mark.parametrize(
    "name", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "a.localhost:80", "[::1]:8080"]
)
def test_own_names_pass(name: str) -> None:
    assert Security().allows_host(name)


@pytest.mark.parametrize(
    "name",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example",
     "192.168.1.2", "127.0.0.1@evil.example", "evil.example/localhost", "", "[::1"],
)  # fmt: skip
def test_other_names_do_not(name: str) -> None:
    assert not Security().allows_host(name)


def test_more_names_can_be_allowed() -> None:
    assert Security(allowed_hosts=("Studio.example",)).allows_host("studio.example:80")
    assert Security(allowed_hosts=("*",)).allows_host("whatever")
    assert Security("192.168.1.2", KEY).allows_host("192.168.1.2:8080")
    assert Security("0.0.0.0", KEY).allows_host("10.0.0.7:8080")
    assert not Security("0.0.0.0", KEY).allows_host("evil.example")


@pytest.mark.parametrize("origin", PAGES)
def test_foreign_pages_are_refused(served: Served, origin: str) -> None:
    client = guarded(served)
    for path in ("/v1/models", "/api/tags", "/health", "/metrics"):
        found = client.get(path, headers={"Origin": origin})
        assert found.status_code == 403, path
        assert "access-control-allow-origin" not in found.headers
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert client.options("/v1/chat/completions", headers=preflight).status_code == 403


@pytest.mark.parametrize("origin", LOCAL_PAGES)
def test_local_pages_get_cors_headers(served: Served, origin: str) -> None:
    client = guarded(served)
    found = client.get("/v1/models", headers={"Origin": origin})
    assert found.status_code == 200
    assert found.headers["access-control-allow-origin"] == origin
    assert "Origin" in found.headers["vary"]


def test_a_preflight_needs_no_key_and_allows_what_it_asks_for(served: Served) -> None:
    client = guarded(served, api_key=KEY, allowed_origins=("https://chat.example",))
    found = client.options(
        "/v1/chat/completions",
        headers={
            "Origin": "https://chat.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, x-stainless-os",
        },
    )
    assert found.status_code == 204
    assert found.headers["access-control-allow-headers"] == "authorization, x-stainless-os"
    assert found.headers["access-control-allow-origin"] == "https://chat.example"
    assert "POST" in found.headers["access-control-allow-methods"]


def test_an_options_request_alone_is_not_let_past_the_key(served: Served) -> None:
    assert guarded(served, api_key=KEY).options("/v1/models").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80"])
def test_a_foreign_host_is_refused(served: Served, host: str) -> None:
    found = guarded(served).get("/v1/models", headers={"Host": host})
    assert found.status_code == 403
    assert "--allowed-host" in found.json()["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"},
     {"Authorization": KEY}, {"x-api-key": ""}, {"Authorization": f"Bearer {KEY}x"}],
)  # fmt: skip
def test_without_the_key_nothing_is_served(served: Served, headers: dict[str, str]) -> None:
    client = guarded(served, api_key=KEY)
    for path in ("/v1/models", "/v1/nothing", "/metrics", "/api/tags"):
        found = client.get(path, headers=headers)
        assert found.status_code == 401, path
        assert found.headers["www-authenticate"] == "Bearer"
    assert client.post("/v1/chat/completions", content=b"{", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"},
                {"X-Api-Key": KEY}]
)  # fmt: skip
def test_with_the_key_everything_is(served: Served, headers: dict[str, str]) -> None:
    assert guarded(served, api_key=KEY).get("/v1/models", headers=headers).status_code == 200


def test_health_needs_no_key(served: Served) -> None:
    assert guarded(served, api_key=KEY).get("/health").status_code == 200


def test_any_key_is_taken_where_none_is_asked_for(served: Served) -> None:
    headers = {"Authorization": "Bearer whatever"}
    assert guarded(served).get("/v1/models", headers=headers).status_code == 200


def test_each_api_refuses_in_its_own_shape(served: Served) -> None:
    client = guarded(served, api_key=KEY)
    openai = client.post("/v1/chat/completions").json()["error"]
    assert openai["code"] == "invalid_api_key"
    assert openai["param"] is None
    assert isinstance(client.post("/api/chat").json()["error"], str)
    anthropic = client.post("/v1/messages").json()
    assert anthropic["type"] == "error"
    assert anthropic["error"]["type"] == "authentication_error"


def test_without_the_guard_strangers_would_be_served(served: Served) -> None:
    """The fault, planted: it is the guard that refuses, and the tests above would see it gone."""
    app = build(served, Rules(Security(api_key=KEY)))
    app.user_middleware = [layer for layer in app.user_middleware if layer.cls is not Guard]
    client = TestClient(app, base_url="http://127.0.0.1")
    for headers in ({}, {"Host": "evil.example"}, {"Origin": PAGES[0]}):
        assert client.get("/v1/models", headers=headers).status_code == 200
