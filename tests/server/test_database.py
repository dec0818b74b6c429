"""Small databases that several servers open."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from gptoss_metal.server.database import open_database

TABLES = "create table if not exists things (name)"
TOGETHER = 6


def test_many_make_it_at_the_same_moment(tmp_path: Path) -> None:
    """Of which SQLite itself turns away one in a hundred: so it is tried many times."""
    failures: list[BaseException] = []

    def open_it(path: Path, ready: threading.Barrier) -> None:
        ready.wait()
        try:
            open_database(path, TABLES).close()
        except BaseException as problem:
            failures.append(problem)

    for number in range(60):
        path = tmp_path / f"{number}.sqlite"
        ready = threading.Barrier(TOGETHER)
        threads = [threading.Thread(target=open_it, args=(path, ready)) for _ in range(TOGETHER)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


def test_one_that_is_locked_for_a_while_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "locked.sqlite"
    owner = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    owner.execute("begin exclusive")
    end = threading.Timer(0.3, owner.execute, ["rollback"])
    end.start()
    open_database(path, TABLES).close()
    end.join()
    owner.close()
