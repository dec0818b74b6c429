"""Repository ids: the real huggingface_hub, offline, with a cache filled by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss_metal.convert import convert
from gptoss_metal.convert.repository import repository_id

COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"
RUN = """
import json, sys
from gptoss_metal.convert import convert, describe
from gptoss_metal.errors import Error
try:
    path = convert(sys.argv[1], sys.argv[2], revision=sys.argv[3] or None)
    print(json.dumps(describe(path)["source"]))
except Error as error:
    print(error)
"""


@pytest.fixture
def hub(checkpoint: Path, tmp_path: Path) -> Path:
    """Return a Hugging Face home whose cache holds openai/gpt-oss-20b at one commit."""
    repo = tmp_path / "home" / "hub" / "models--openai--gpt-oss-20b"
    shutil.copytree(checkpoint, repo / "snapshots" / COMMIT)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    return tmp_path / "home"


def run(hub: Path, repo: str, target: Path, revision: str = "") -> str:
    """Convert in a process that has this Hugging Face home and no network."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, repo, str(target), revision],
        env=os.environ | {"HF_HOME": str(hub), "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.strip()


def test_cached_repository(hub: Path, checkpoint: Path, target: Path) -> None:
    wanted = {
        "repo": "openai/gpt-oss-20b", "revision": COMMIT, "kind": "huggingface", "dtype": "BF16",
    }  # fmt: skip
    assert json.loads(run(hub, "openai/gpt-oss-20b", target)) == wanted
    local = convert(checkpoint, target.with_name("local.safetensors"))
    assert target.read_bytes()[16384:] == local.read_bytes()[16384:]
    assert json.loads(run(hub, "gpt-oss-20b", target.with_name("again"), COMMIT)) == wanted


def test_repository_with_original_alone(hub: Path, target: Path) -> None:
    for path in hub.glob("hub/*/snapshots/*/model*"):
        path.unlink()
    assert json.loads(run(hub, "openai/gpt-oss-20b", target))["kind"] == "original"


@pytest.mark.parametrize(
    ("repo", "revision", "message"),
    [
        ("openai/gpt-oss-120b", "", "openai/gpt-oss-120b is not a directory here, not in the"),
        ("openai/gpt-oss-20b", "other", "openai/gpt-oss-20b@other is not a directory here"),
        ("openai/..gpt", "", "openai/..gpt is neither a directory here nor a repository"),
    ],
)
def test_unknown_repository(
    hub: Path, target: Path, repo: str, revision: str, message: str
) -> None:
    output = run(hub, repo, target, revision)
    assert output.startswith(f"[convert] {message}")
    assert ". Try: " in output
    assert list(target.parent.iterdir()) == []


def test_what_may_be_a_repository() -> None:
    assert repository_id("gpt-oss-120b") == "openai/gpt-oss-120b"
    assert repository_id("someone/gpt-oss-20b-tuned.v2") == "someone/gpt-oss-20b-tuned.v2"
    for path in ("./a", "/a/b", "a/b/c", "a", "~/a", "../a", ""):
        assert repository_id(path) is None
