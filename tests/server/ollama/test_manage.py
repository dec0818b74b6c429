"""Aliases over HTTP: ``/api/create``, ``copy``, ``delete``; uploads and pushing are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from gptoss_metal import aliases
from gptoss_metal.preset import Preset
from tests.running import running
from tests.server.ollama.ask import SUM, ask, lines, refused


def make(client: TestClient, **body: Any) -> list[str]:
    return [line["status"] for line in lines(client, "/api/create", **{"model": "me", **body})]


def test_create_and_use(client: TestClient) -> None:
    said = make(
        client,
        **{"from": "demo"},
        system="You are a calculator.",
        parameters={"temperature": 0, "num_predict": 90, "stop": ["="], "num_gpu": 1},
        messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}],
        template="{{ .Prompt }}",
    )
    assert said[-1] == "success"
    assert any(note.startswith("template is ignored") for note in said)
    assert any("num_gpu is ignored" in note for note in said)
    preset = aliases.read("me")
    assert preset is not None
    assert preset.sampling == {"temperature": 0, "stop": ["="]}
    assert preset.max_tokens == 90
    assert len(preset.messages) == 2
    found = ask(client, "/api/chat", model="me", messages=SUM, options={})
    alone = ask(client, "/api/chat", messages=SUM)
    assert found["message"]["content"].strip() == "27 + 15"
    assert found["prompt_eval_count"] > alone["prompt_eval_count"] + 10
    # What a request says itself comes first.
    own = ask(client, "/api/chat", model="me:latest", messages=SUM, options={"stop": ["+"]})
    assert own["message"]["content"].strip() == "27"
    other = [{"role": "system", "content": "You are a poet."}, *SUM]
    replaced = ask(client, "/api/chat", model="me", messages=other)
    assert replaced["prompt_eval_count"] == found["prompt_eval_count"]  # poet for calculator


def test_every_api_knows_the_alias(client: TestClient) -> None:
    make(client, **{"from": "demo"}, parameters={"stop": ["="], "temperature": 0})
    body = {"model": "me", "messages": SUM}
    chat = client.post("/v1/chat/completions", json=body)
    assert chat.json()["choices"][0]["message"]["content"].strip() == "27 + 15"
    message = client.post("/v1/messages", json={**body, "max_tokens": 100})
    assert message.json()["content"][0]["text"].strip() == "27 + 15"
    response = client.post("/v1/responses", json={"model": "me", "input": SUM})
    assert response.json()["output"][-1]["content"][0]["text"].strip() == "27 + 15"
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert names == ["demo", "gpt-oss-demo", "me"]


def test_create_without_a_stream_and_again(client: TestClient) -> None:
    for temperature in (0.1, 0.2):
        body = {"name": "me:latest", "from": "demo:latest", "stream": False}
        parameters = {"temperature": temperature}
        found = client.post("/api/create", json={**body, "parameters": parameters})
        assert found.json() == {"status": "success"}
        preset = aliases.read("me")
        assert preset is not None
        assert preset.sampling["temperature"] == temperature


def test_create_from_a_modelfile(client: TestClient) -> None:
    text = 'FROM demo\nPARAMETER temperature 0\nSYSTEM """\nBe brief.\n"""\nTEMPLATE x\n'
    said = make(client, modelfile=text)
    assert "TEMPLATE is ignored: gpt-oss has one template, harmony" in said
    preset = aliases.read("me")
    assert preset is not None
    assert preset.system == "\nBe brief.\n"


def test_the_served_file_needs_no_name_in_the_store(client: TestClient, demo_path: Path) -> None:
    make(client, **{"from": "gpt-oss-demo"})
    preset = aliases.read("me")
    assert preset is not None
    assert preset.base == str(demo_path)
    assert ask(client, "/api/chat", model="me", messages=SUM)["message"]["content"]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"from": "nope"}, 404, "'nope'"),
        ({"from": "/etc/passwd"}, 404, "/etc/passwd"),
        ({"from": "../models/demo"}, 404, "no model"),
        ({}, 400, "from is missing"),
        ({"from": "demo", "parameters": {"temperature": -1}}, 400, "temperature"),
        ({"from": "demo", "parameters": {"num_ctx": "big"}}, 400, "num_ctx"),
        ({"from": "demo", "messages": [{"role": "tool"}]}, 400, "messages[0].role"),
        ({"from": "demo", "files": {"a.gguf": "sha256:1"}}, 501, "uploads"),
        ({"from": "demo", "adapters": {"a": "sha256:1"}}, 501, "uploads"),
        ({"from": "demo", "model": "demo"}, 400, "served model"),
        ({"from": "demo", "model": "a/b"}, 400, "cannot be a name"),
        ({"from": "demo", "model": "../b"}, 400, "cannot be a name"),
        ({"modelfile": "SYSTEM x"}, 400, "no FROM"),
        ({"modelfile": "FROM demo\nFLY away"}, 400, "line 2"),
        ({"modelfile": "FROM /etc/passwd"}, 404, "no model"),
    ],
)
def test_what_cannot_be_created(
    client: TestClient, body: dict[str, Any], status: int, told: str
) -> None:
    assert told in refused(client, "/api/create", status, **{"model": "me", **body})
    assert aliases.names() == []


def test_no_circles(client: TestClient) -> None:
    make(client, **{"from": "demo"})
    make(client, **{"from": "me"}, model="you")
    assert "stand for itself" in refused(client, "/api/create", model="me", **{"from": "you"})


def test_copy(client: TestClient) -> None:
    make(client, **{"from": "demo"}, system="Be brief.")
    for source, name in (("me", "mine"), ("demo", "same")):
        found = client.post("/api/copy", json={"source": source, "destination": name})
        assert found.status_code == 200
    copied, same = aliases.read("mine"), aliases.read("same")
    assert copied is not None
    assert copied.system == "Be brief."
    assert same is not None
    assert same.base == "demo"
    problem = client.post("/api/copy", json={"source": "nope", "destination": "x"})
    assert problem.status_code == 404
    problem = client.post("/api/copy", json={"source": "demo", "destination": "demo"})
    assert problem.status_code == 400


def remove(client: TestClient, name: str) -> int:
    return client.request("DELETE", "/api/delete", json={"model": name}).status_code


def test_delete(client: TestClient, demo_path: Path) -> None:
    make(client, **{"from": "demo"})
    assert remove(client, "me:latest") == 200
    assert aliases.names() == []
    assert remove(client, "me") == 404
    assert remove(client, "demo") == 403
    assert remove(client, "gpt-oss-demo") == 403
    assert remove(client, "../models/demo") == 404
    assert demo_path.is_file()


def test_an_unserved_model_of_the_store_is_not_deleted(client: TestClient, home: Path) -> None:
    other = home / "models" / "other.safetensors"
    other.write_bytes(b"precious")
    try:
        assert remove(client, "other") == 403
        assert other.read_bytes() == b"precious"
    finally:
        other.unlink()


def test_uploads_and_pushing(client: TestClient) -> None:
    digest = "sha256:" + "0" * 64
    assert client.head(f"/api/blobs/{digest}").status_code == 404
    found = client.post(f"/api/blobs/{digest}", content=b"x" * 1000)
    assert found.status_code == 501
    assert "uploads" in found.json()["error"]
    assert "push" in refused(client, "/api/push", 501)


def test_an_alias_is_served_under_its_name(demo_path: Path) -> None:
    aliases.save(Preset("calc", "demo", sampling={"temperature": 0, "stop": ["="]}))
    with running("calc") as server:
        body = {"model": "calc", "messages": SUM, "stream": False}
        found = httpx.post(f"{server.url}/api/chat", json=body, timeout=60, trust_env=False)
        assert found.json()["message"]["content"].strip() == "27 + 15"
        # Aliases are read when they are used: a new one needs no restart.
        aliases.save(Preset("plus", "calc", sampling={"stop": ["+"]}))
        body["model"] = "plus"
        found = httpx.post(f"{server.url}/api/chat", json=body, timeout=60, trust_env=False)
        assert found.json()["message"]["content"].strip() == "27"
