"""``/api/tags``, ``show``, ``ps``, ``version``, and what a client looks for first."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gptoss_metal import aliases
from gptoss_metal.preset import Preset
from gptoss_metal.server.app import build
from tests.server.conftest import serving
from tests.server.ollama.ask import SUM, Json, ask, refused


def tags(client: TestClient) -> list[Json]:
    found = client.get("/api/tags")
    assert found.status_code == 200
    models = found.json()["models"]
    assert isinstance(models, list)
    return models


def test_a_server_is_there(client: TestClient) -> None:
    assert client.get("/").text == "Ollama is running"
    assert client.head("/").status_code == 200
    major, minor, _ = client.get("/api/version").json()["version"].split(".")
    assert (int(major), int(minor)) >= (0, 13)  # Codex asks for it


def test_tags(client: TestClient, demo_path: Path) -> None:
    first, second = tags(client)
    assert first["name"] == first["model"] == "demo:latest"
    assert second["name"] == "gpt-oss-demo:latest"
    assert first["size"] == demo_path.stat().st_size
    assert first["digest"] == second["digest"]
    assert len(first["digest"]) == 64
    assert first["capabilities"] == ["completion", "tools", "thinking"]
    details = first["details"]
    assert details["family"] == "gptoss"
    assert details["families"] == ["gptoss"]
    assert details["parameter_size"] == "80.5M"
    assert details["quantization_level"] == "MXFP4"
    assert details["context_length"] == 131072


def test_an_alias_is_listed_and_shown(client: TestClient) -> None:
    aliases.save(Preset("brief", "demo", system="Be brief.", num_ctx=4096,
                        sampling={"temperature": 0.5, "stop": ["END"]}))  # fmt: skip
    entry = tags(client)[2]
    assert entry["name"] == "brief:latest"
    assert entry["digest"] != tags(client)[0]["digest"]
    assert entry["details"]["parent_model"] == "demo"
    assert entry["details"]["context_length"] == 4096
    for name in ("brief", "brief:latest"):
        shown = client.post("/api/show", json={"model": name}).json()
        assert shown["system"] == "Be brief."
        assert "FROM demo\n" in shown["modelfile"]
        assert 'SYSTEM """Be brief."""' in shown["modelfile"]
        assert "temperature" in shown["parameters"]
        assert shown["model_info"]["gptoss.context_length"] == 4096


def test_aliases_of_other_models_are_not_served(client: TestClient, home: Path) -> None:
    other = home / "models" / "other.safetensors"
    other.write_bytes(b"x")
    try:
        aliases.save(Preset("elsewhere", "other"))
        assert [model["name"] for model in tags(client)] == ["demo:latest", "gpt-oss-demo:latest"]
        refused(client, "/api/chat", 404, model="elsewhere", messages=[])
        refused(client, "/api/show", 404, model="other")
    finally:
        other.unlink()


def test_a_damaged_alias_harms_nobody(client: TestClient, home: Path) -> None:
    broken = home / "aliases" / "broken.json"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("{")
    assert len(tags(client)) == 2
    refused(client, "/api/show", 404, model="broken")


def test_show(client: TestClient, home: Path) -> None:
    found = client.post("/api/show", json={"model": "demo", "verbose": True})
    assert found.status_code == 200
    shown = found.json()
    assert shown == client.post("/api/show", json={"name": "demo:latest"}).json()
    info = shown["model_info"]
    assert info["general.architecture"] == "gptoss"
    assert info["gptoss.context_length"] == 131072
    assert info["gptoss.expert_count"] == 8
    assert shown["capabilities"] == ["completion", "tools", "thinking"]
    assert "Apache" in shown["license"]
    assert str(home) not in found.text  # paths stay here
    assert "'nope'" in refused(client, "/api/show", 404, model="nope")
    refused(client, "/api/show", 400, model=None)


def test_ps(client: TestClient) -> None:
    (entry,) = client.get("/api/ps").json()["models"]
    assert entry["name"] == "demo:latest"
    assert entry["context_length"] == 131072
    assert entry["size_vram"] == 0  # on the CPU
    assert entry["expires_at"].endswith("Z")


def test_embeddings_are_refused(client: TestClient) -> None:
    assert "embeddings" in refused(client, "/api/embed", input="x")
    assert "embeddings" in refused(client, "/api/embeddings", prompt="x")


@pytest.mark.parametrize("name", ["../x", "a/b", "~root", "x" * 5000, "\ud800", "", ".", "\0"])
def test_strange_names_are_just_not_found(client: TestClient, name: str) -> None:
    body = b'{"model": "\\ud800"}' if name == "\ud800" else None
    if body is None:
        found = client.post("/api/show", json={"model": name})
    else:
        found = client.post("/api/show", content=body)
    assert found.status_code in (400, 404)
    assert "error" in found.json()


def test_a_file_beside_the_server_is_no_model(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names from the network mean names of the store, never files of the working folder."""
    (tmp_path / "secret").write_text("x")
    monkeypatch.chdir(tmp_path)
    refused(client, "/api/show", 404, model="secret")
    refused(client, "/api/create", 404, model="mine", **{"from": "secret"})
    assert os.listdir(tmp_path) == ["secret"]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_unloading_and_loading(demo_path: Path) -> None:
    with serving(demo_path) as served, TestClient(build(served), base_url="http://127.0.0.1") as c:
        engine = served.turns.engine

        def loaded() -> list[Json]:
            found = c.get("/api/ps").json()["models"]
            assert isinstance(found, list)
            return found

        assert len(loaded()) == 1
        found = c.post("/api/generate", json={"model": "demo", "keep_alive": 0}).json()
        assert found["done_reason"] == "unload"
        until(lambda: engine.model is None)
        assert loaded() == []
        assert len(c.get("/api/tags").json()["models"]) == 2  # it is still there to be had
        assert c.post("/api/show", json={"model": "demo"}).status_code == 200
        found = c.post("/api/chat", json={"model": "demo", "messages": [], "keep_alive": "5m"})
        assert found.json()["done_reason"] == "load"
        assert engine.model is not None
        left = parsed(loaded()[0]["expires_at"]) - datetime.datetime.now(datetime.timezone.utc)
        assert 280 < left.total_seconds() <= 300
        c.post("/api/chat", json={"model": "demo", "keep_alive": -1})
        assert parsed(loaded()[0]["expires_at"]).year > 2100
        # After a turn, too; and the next one loads it again.
        assert ask(c, "/api/chat", messages=SUM, keep_alive=0)["done_reason"] == "stop"
        until(lambda: engine.model is None)
        assert ask(c, "/api/chat", messages=SUM)["message"]["content"] == "27 + 15 = 42."


def parsed(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
