"""Sealed reasoning."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.seal import Seal
from tests.server.responses.conftest import Ask, item_of
from tests.server.responses.strict import Wire

ENCRYPTED = ["reasoning.encrypted_content"]


def test_only_the_server_reads_it(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "home" / "key")
    text = "What I think. \N{THINKING FACE}"
    sealed = seal.close(text)
    assert seal.open(sealed, "x") == text
    assert Seal(tmp_path / "home" / "key").open(sealed, "x") == text, "also after a restart"
    assert seal.close(text) != sealed
    assert b"think" not in base64.urlsafe_b64decode(sealed)
    (key,) = (tmp_path / "home").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32


def test_every_change_is_noticed(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "key")
    raw = base64.urlsafe_b64decode(seal.close("What I think."))
    changed = [
        raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :] for place in range(len(raw))
    ]
    others = [b"", raw[:-1], raw + b"\0", raw[12:]]
    for data in [*changed, *others]:
        with pytest.raises(Problem) as found:
            seal.open(base64.urlsafe_b64encode(data).decode(), "input[0].encrypted_content")
        assert found.value.code == "invalid_encrypted_content"
    for text in ("gAAA", "not base64!", "ü", "=" * 7):
        with pytest.raises(Problem):
            seal.open(text, "x")


def test_another_servers_seal_is_refused(tmp_path: Path) -> None:
    sealed = Seal(tmp_path / "theirs").close("What they think.")
    with pytest.raises(Problem, match="did not write it"):
        Seal(tmp_path / "ours").open(sealed, "x")


def test_a_broken_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(Problem, match=r"has 5 bytes.*Try: delete it"):
        Seal(tmp_path / "key").close("x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Problem, match="Try: set GPTOSS_METAL_HOME"):
        Seal(tmp_path / "file" / "key").close("x")


def test_it_comes_when_asked_for_and_carries_the_reasoning(
    ask: Ask, stream: Callable[..., list[Wire]]
) -> None:
    assert "encrypted_content" not in item_of(ask("Hello"), "reasoning")
    first = ask("What is 27 + 15?", include=ENCRYPTED, store=False)
    reasoning = item_of(first, "reasoning")
    carried = {**reasoning, "content": None}
    second = ask(
        [{"role": "user", "content": "What is 27 + 15?"}, carried, *first["output"][1:]],
        store=True,
    )
    assert second["status"] == "completed"
    events = stream("Hello", include=ENCRYPTED)
    begun = next(e for e in events if e["type"] == "response.output_item.added")
    assert "encrypted_content" not in begun["item"]
    assert item_of(events[-1]["response"], "reasoning")["encrypted_content"]


def test_a_request_with_changed_reasoning_is_refused(
    ask: Ask, refused: Callable[..., Wire]
) -> None:
    first = ask("Hello", include=ENCRYPTED, store=False)
    reasoning = item_of(first, "reasoning")
    sealed = reasoning["encrypted_content"]
    bad = {**reasoning, "content": [], "encrypted_content": sealed[:-5] + "AAAA="}
    error = refused(input=[{"role": "user", "content": "Hi"}, bad])
    assert error["code"] == "invalid_encrypted_content"
    assert error["param"] == "input[1].encrypted_content"
    readable = {**bad, "content": reasoning["content"]}
    ask([{"role": "user", "content": "Hi"}, readable, {"role": "user", "content": "Hello"}])
