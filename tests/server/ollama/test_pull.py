"""``/api/pull``: the real conversion of a repository in Hugging Face's cache, without a network."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gptoss_metal.convert import verify
from gptoss_metal.server.ollama.pull import Abandoned, Pulls, convert_into
from gptoss_metal.server.problem import Problem
from tests.reference.checkpoints import write_checkpoint
from tests.running import Running, running
from tests.server.ollama.ask import Json

COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"


def put(hub: Path, repository: str, checkpoint: Path) -> Path:
    """Puts a checkpoint into the cache of a Hugging Face home."""
    folder = hub / "hub" / f"models--{repository.replace('/', '--')}"
    shutil.copytree(checkpoint, folder / "snapshots" / COMMIT)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return folder / "snapshots" / COMMIT


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    checkpoint = write_checkpoint(folder / "tiny", seed=3)
    put(folder, "openai/gpt-oss-20b", checkpoint)
    put(folder, "someone/gpt-oss-20b", checkpoint)
    llama = put(folder, "meta/llama", checkpoint) / "config.json"
    llama.write_text(json.dumps({"model_type": "llama"}))
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def puller(demo_path: Path, hub: Path, store: Path) -> Iterator[Running]:
    env = {"HF_HOME": str(hub), "HF_HUB_OFFLINE": "1", "GPTOSS_METAL_HOME": str(store)}
    with running(demo_path, "--served-model-name", "demo", **env) as server:
        yield server


def pull(server: Running, name: str, **body: object) -> httpx.Response:
    request = {"model": name, **body}
    return httpx.post(f"{server.url}/api/pull", json=request, timeout=120, trust_env=False)


def lines(found: httpx.Response) -> list[Json]:
    assert found.status_code == 200, found.text
    return [json.loads(line) for line in found.text.splitlines()]


@pytest.mark.parametrize("name", ["demo", "demo:latest"])
def test_what_is_served_is_there(puller: Running, name: str) -> None:
    assert [line["status"] for line in lines(pull(puller, name))][-1] == "success"
    assert pull(puller, name, stream=False).json() == {"status": "success"}


def test_a_repository_is_converted(puller: Running, store: Path) -> None:
    found = lines(pull(puller, "gpt-oss:20b"))
    assert found[0] == {"status": "pulling manifest"}
    assert found[-1] == {"status": "success"}
    progress = [line for line in found if "completed" in line]
    assert progress[-1]["completed"] == progress[-1]["total"] > 10_000
    file = store / "models" / "gpt-oss-20b.safetensors"
    assert verify(file) > 10_000
    written = file.stat().st_mtime_ns
    for name in ("gpt-oss:20b", "openai/gpt-oss-20b", "hf.co/openai/gpt-oss-20b", "gpt-oss"):
        assert lines(pull(puller, name))[-1] == {"status": "success"}
    assert file.stat().st_mtime_ns == written
    # Another's model of the same name is not passed off as it, nor replaced.
    other = pull(puller, "someone/gpt-oss-20b")
    assert other.status_code == 409
    assert "--name" in other.json()["error"]


def test_what_is_no_gpt_oss_model(puller: Running, store: Path) -> None:
    unknown = pull(puller, "llama3")
    assert unknown.status_code == 404
    assert "gpt-oss:20b" in unknown.json()["error"]
    foreign = lines(pull(puller, "meta/llama"))
    assert "is a llama model" in foreign[-1]["error"]
    whole = pull(puller, "meta/llama", stream=False)
    assert whole.status_code == 400
    assert "is a llama model" in whole.json()["error"]
    missing = lines(pull(puller, "no/where"))
    assert "no/where" in missing[-1]["error"]
    assert not list(store.glob("models/*llama*"))
    assert not list(store.glob("models/*where*"))


def test_an_abandoned_conversion_goes_on_later(hub: Path, tmp_path: Path) -> None:
    gone = threading.Event()
    gone.set()
    target, said = tmp_path / "model.safetensors", list[Json]()
    with pytest.raises(Abandoned):
        convert_into(str(hub / "tiny"), target, said.append, gone)
    assert not target.exists()
    assert (tmp_path / "model.safetensors.part").exists()
    gone.clear()
    convert_into(str(hub / "tiny"), target, said.append, gone)
    assert verify(target) > 10_000
    assert said[-1] == {"status": "success"}


def test_one_at_a_time(tmp_path: Path) -> None:
    async def both() -> None:
        pulls = Pulls()
        first = pulls.fetch("no/where", tmp_path / "a.safetensors")
        assert await anext(first) == {"status": "pulling manifest"}
        second = pulls.fetch("no/where", tmp_path / "b.safetensors")
        with pytest.raises(Problem, match="another model is being pulled"):
            await anext(second)
        await first.aclose()

    asyncio.run(both())
