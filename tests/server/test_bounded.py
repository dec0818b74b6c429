"""The table that keeps what was used last."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gptoss_metal.server.bounded import BoundedTable

TABLES = """
create table if not exists things (name text primary key, used integer, bytes integer);
create table if not exists parts (thing text);
create trigger if not exists gone after delete on things
    begin delete from parts where thing = old.name; end;
"""


def put(table: BoundedTable, name: str, size: int = 1) -> None:
    with table.open() as database:
        used = table.next_use(database)
        database.execute("insert into things values (?, ?, ?)", [name, used, size])
        database.execute("insert into parts values (?)", [name])
        table.evict(database)


def put_twice(table: BoundedTable, name: str) -> None:
    with table.open() as database:
        database.execute("delete from parts")
        database.execute("insert into things values (?, 0, 0)", [name])


def names(table: BoundedTable, column: str = "name", of: str = "things") -> set[str]:
    with table.open() as database:
        return {name for (name,) in database.execute(f"select {column} from {of}")}


@pytest.mark.parametrize("bounds", [{"most_bytes": 3}, {"most_bytes": 99, "most_rows": 3}])
def test_the_least_used_go_with_all_that_is_theirs(bounds: dict[str, int]) -> None:
    table = BoundedTable(None, "things", TABLES, **bounds)
    for name in "abc":
        put(table, name)
    with table.open() as database:
        database.execute("update things set used = ? where name = 'a'", [table.next_use(database)])
    put(table, "d")
    assert names(table) == names(table, "thing", "parts") == {"a", "c", "d"}
    with table.open() as database:
        assert table.size(database) == (3, 3)


def test_what_alone_is_too_large_goes_at_once() -> None:
    table = BoundedTable(None, "things", TABLES, most_bytes=3)
    put(table, "a")
    put(table, "b", 4)
    assert names(table) == set()


def test_an_error_leaves_it_as_it_was(tmp_path: Path) -> None:
    table = BoundedTable(tmp_path / "things.sqlite", "things", TABLES, most_bytes=3)
    put(table, "a")
    with pytest.raises(sqlite3.IntegrityError):
        put_twice(table, "a")
    assert names(table, "thing", "parts") == {"a"}
    table.close()
    assert names(table) == {"a"}, "it is opened anew"
