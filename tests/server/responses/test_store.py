"""The store of responses."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gptoss_metal.server.problem import Problem
from gptoss_metal.server.responses.store import Store, Stored


def stored(id_: str, previous: str | None = None, size: int = 10) -> Stored:
    output = [
        {"id": f"msg_{id_}", "type": "message", "content": [{"text": "x" * size}]},
        {"id": f"fc_{id_}", "type": "function_call", "call_id": f"call_{id_}"},
    ]
    asked = [{"id": f"in_{id_}", "type": "message", "content": []}]
    messages = [{"role": "assistant", "content": "x", "harmony": [{"tokens": [1, 2]}]}]
    return Stored({"id": id_, "output": output}, asked, messages, previous)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "responses.sqlite"


def test_it_returns_what_it_was_given(path: Path) -> None:
    store = Store(path)
    store.put(stored("a"))
    assert store.get("a") == stored("a")
    assert store.get("b") is None
    assert store.item("in_a") == stored("a").input[0]
    assert store.item("msg_a") == stored("a").body["output"][0]
    assert store.item("call_a") is None
    for name in ("msg_a", "fc_a", "call_a"):
        assert store.answer(name) == stored("a").answer
    assert store.answer("in_a") is None


def test_it_outlives_its_process(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.');"
        "from tests.server.responses.test_store import stored;"
        "from gptoss_metal.server.responses.store import Store;"
        "import os; Store(Path(sys.argv[1])).put(stored('a')); os._exit(9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], cwd=Path(__file__).parents[3])
    assert ended.returncode == 9, "it ended without closing anything"
    assert Store(path).get("a") == stored("a")


def test_only_its_owner_may_read_it(path: Path) -> None:
    store = Store(path)
    store.put(stored("a"))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_chain_is_returned_from_its_beginning(path: Path) -> None:
    store = Store(path)
    for id_, previous in [("a", None), ("b", "a"), ("c", "b")]:
        store.put(stored(id_, previous))
    chain = store.chain("c")
    assert chain is not None
    assert [link.id for link in chain] == ["a", "b", "c"]
    assert store.delete("b")
    assert store.chain("c") is None
    assert store.chain("a") is not None


def test_what_is_deleted_is_gone_from_the_file(path: Path) -> None:
    store = Store(path)
    secret = stored("a")
    secret.body["output"][0]["content"][0]["text"] = "a secret that must go"
    store.put(secret)
    assert store.delete("a")
    assert not store.delete("a")
    assert store.get("a") is None
    assert store.item("msg_a") is None
    assert store.answer("call_a") is None
    store.close()
    assert b"a secret that must go" not in b"".join(p.read_bytes() for p in path.parent.iterdir())


def test_the_least_used_go_first_and_no_chain_loses_its_beginning(path: Path) -> None:
    store = Store(path, most_responses=3)
    for id_, previous in [("a", None), ("b", "a"), ("c", None)]:
        store.put(stored(id_, previous))
    assert store.chain("b") is not None  # a and b are used; c is the oldest now
    store.put(stored("d"))
    assert store.get("c") is None
    store.put(stored("e"))
    assert store.get("b") is None, "of a chain the end goes first"
    assert store.get("a") is not None
    assert store.item("msg_b") is None


def test_it_is_bounded_in_bytes(path: Path) -> None:
    store = Store(path, most_bytes=5000)
    for number in range(10):
        store.put(stored(str(number), size=1500))
    kept = [number for number in range(10) if store.get(str(number)) is not None]
    assert kept == [8, 9][-len(kept) :]
    assert kept
    store.put(stored("big", size=10_000))
    assert store.get("big") is None, "nothing is kept that alone is too much"


def test_a_damaged_file_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, and long enough to be looked at " * 40)
    store = Store(path)
    store.put(stored("a"))
    assert store.get("a") == stored("a")
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert "damaged" in caplog.text


def test_a_folder_that_cannot_be_written_is_named(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(Problem, match=r"\[serve\].*Try: set GPTOSS_METAL_HOME"):
        Store(path).put(stored("a"))


def test_threads_and_servers_share_it(path: Path) -> None:
    stores = [Store(path), Store(path)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(20):
                id_ = f"{number}-{step}"
                stores[number % 2].put(stored(id_))
                assert stores[(number + 1) % 2].get(id_) is not None
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    rows: Any = sqlite3.connect(path).execute("select count(*) from responses").fetchone()
    assert rows == (120,)
