"""``gptoss-metal config``: what it prints and writes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gptoss_metal.clients.catalogue import CLIENTS
from gptoss_metal.clients.files import File, merge
from gptoss_metal.clients.target import server_url
from gptoss_metal.errors import Error
from tests.cli.program import answer, answer_json, refused
from tests.running import Running

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

NOWHERE = "http://127.0.0.1:9"
ASKED = ("--url", NOWHERE, "--model", "gpt-oss-20b")


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The variables of a user with an empty home."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}


def test_all_clients_are_listed() -> None:
    listed = answer("config")
    for name, client in CLIENTS.items():
        assert name in listed
        assert client.title in listed


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_is_told_url_and_model(name: str, user: dict[str, str]) -> None:
    printed = answer("config", name, *ASKED, **user)
    assert NOWHERE in printed
    if CLIENTS[name].program:
        assert "gpt-oss-20b" in printed or name == "open-webui"
    assert not list(Path(user["HOME"]).iterdir()), "printing wrote something"


@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_printed_is_written(name: str, user: dict[str, str]) -> None:
    described = answer_json_with(user, "config", name, *ASKED, "--json")
    answer("config", name, *ASKED, "--write", **user)
    for file in described["files"]:
        path = Path(file["path"])
        assert path.read_text() == file["content"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        parse(path)


def answer_json_with(user: dict[str, str], *args: str) -> dict[str, Any]:
    found = json.loads(answer(*args, **user))
    assert isinstance(found, dict)
    return found


def parse(path: Path) -> Any:
    text = path.read_text()
    return {".json": json.loads, ".toml": tomllib.loads, ".yaml": yaml.safe_load}[path.suffix](text)


def test_codex_gets_a_profile_and_a_catalogue(user: dict[str, str]) -> None:
    answer("config", "codex", *ASKED, "--write", **user)
    folder = Path(user["HOME"]) / ".codex"
    profile = parse(folder / "gptoss-metal.config.toml")
    assert profile["model"] == "gpt-oss-20b"
    provider = profile["model_providers"][profile["model_provider"]]
    assert provider["base_url"] == NOWHERE + "/v1"
    assert provider["wire_api"] == "responses"
    [entry] = parse(Path(profile["model_catalog_json"]))["models"]
    assert entry["slug"] == "gpt-oss-20b"
    assert entry["apply_patch_tool_type"] == "freeform"
    efforts = [level["effort"] for level in entry["supported_reasoning_levels"]]
    assert efforts == ["low", "medium", "high"]


def test_a_key_is_given_to_the_client(user: dict[str, str]) -> None:
    for name in CLIENTS:
        described = answer_json_with(user, "config", name, *ASKED, "--api-key", "sesame", "--json")
        assert "sesame" in json.dumps(described), name


def test_what_a_user_has_stays_and_is_copied(user: dict[str, str]) -> None:
    path = Path(user["HOME"]) / ".continue" / "config.yaml"
    path.parent.mkdir()
    before = "name: Mine\nmodels:\n  - name: other\n    provider: anthropic\nrules: [be kind]\n"
    path.write_text(before)
    path.chmod(0o644)
    printed = answer("config", "continue", *ASKED, "--write", **user)
    after = parse(path)
    assert [model["name"] for model in after["models"]] == ["other", "gpt-oss-20b (gptoss-metal)"]
    assert after["models"][0] == {"name": "other", "provider": "anthropic"}
    assert after["rules"] == ["be kind"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    copy = path.with_name("config.yaml.before-gptoss-metal")
    assert copy.read_text() == before
    assert str(copy) in printed

    again = answer("config", "continue", *ASKED, "--write", **user)
    assert "what was there" not in again, "nothing changed, so nothing is copied"
    other = ("--url", "http://127.0.0.1:10", "--model", "gpt-oss-20b")
    answer("config", "continue", *other, "--write", **user)
    assert [model["apiBase"] for model in parse(path)["models"][1:]] == ["http://127.0.0.1:10/v1"]
    assert copy.read_text() == before, "the first copy was overwritten"
    assert path.with_name("config.yaml.before-gptoss-metal.2").exists()


def test_a_file_that_cannot_be_read_is_left_alone(user: dict[str, str]) -> None:
    path = Path(user["HOME"]) / ".config" / "zed" / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text('// Zed settings\n{"theme": "One",}\n')
    said = refused("config", "zed", *ASKED, "--write", **user)
    assert str(path) in said
    assert "--print" in said
    assert path.read_text() == '// Zed settings\n{"theme": "One",}\n'
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text('{"a": 1}')
    link = tmp_path / "settings.json"
    link.symlink_to(real)
    File(link, {"b": 2}).write()
    assert link.is_symlink()
    assert json.loads(real.read_text()) == {"a": 1, "b": 2}


def test_nothing_is_lost_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"a": 1}')

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        File(path, {"b": 2}).write()
    assert path.read_text() == '{"a": 1}'
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["settings.json", "settings.json.before-gptoss-metal"]


def test_merging() -> None:
    there = {"a": 1, "list": [{"name": "x", "k": 1}, {"name": "y"}], "deep": {"b": 2}}
    ours = {"list": [{"name": "x", "k": 2}, {"name": "z"}], "deep": {"c": 3}}
    assert merge(there, ours) == {
        "a": 1,
        "list": [{"name": "x", "k": 2}, {"name": "y"}, {"name": "z"}],
        "deep": {"b": 2, "c": 3},
    }
    assert there["deep"] == {"b": 2}, "what was there was changed in place"


def test_unknown_clients_and_servers_are_named(user: dict[str, str]) -> None:
    assert "codex" in refused("config", "emacs", *ASKED)
    assert "gptoss-metal serve" in refused("config", "codex", "--url", NOWHERE)
    assert "http://127.0.0.1:8080" in refused("config", "codex", "--url", "localhost:8080")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("https://mac.example/v1/", "https://mac.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_urls_as_people_give_them(given: str, url: str) -> None:
    assert server_url(given) == url


@pytest.mark.parametrize("given", ["", "8080", "ftp://a", "http://", "http://a:x", "http://a/b?c"])
def test_urls_that_are_none(given: str) -> None:
    with pytest.raises(Error, match="Try: http"):
        server_url(given)


def test_a_running_server_says_what_it_has(server: Running, user: dict[str, str]) -> None:
    described = answer_json_with(user, "config", "openai", "--url", server.url, "--json")
    assert described["environment"]["OPENAI_BASE_URL"] == server.url + "/v1"
    printed = answer("config", "codex", "--url", server.url, **user)
    assert 'model = "demo"' in printed
    assert "model_context_window = 131072" in printed
    said = refused("config", "codex", "--url", server.url, "--model", "gpt-oss-120b")
    assert "--model demo" in said


def test_the_command_line_has_json(user: dict[str, str]) -> None:
    assert answer_json("config", "codex", *ASKED, "--json")["command"][0] == "codex"
