"""Stored responses, in a small database that outlives the server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gptoss_metal.server.bounded import BoundedTable
from gptoss_metal.server.responses.history import Answer, ChatMessage
from gptoss_metal.server.responses.items_in import Item

MOST_RESPONSES: Final = 10_000
MOST_BYTES: Final = 512 * 2**20

_TABLES: Final = """
create table if not exists responses (
    id text primary key, previous text, used integer not null, bytes integer not null,
    body text not null, input text not null, messages text not null);
create index if not exists by_use on responses (used, bytes);
create table if not exists items (
    id text not null, response text not null, output integer not null,
    primary key (id, response)) without rowid;
create index if not exists by_response on items (response);
create trigger if not exists forgotten after delete on responses
    begin delete from items where response = old.id; end;
"""


@dataclass(frozen=True)
class Stored:
    """A response and what is needed to go on from it.

    Attributes:
        body: the response, as clients get it.
        input: the items of its own request.
        messages: its answer as messages, with the ids as generated.
        previous: id of the response that it went on from, or None.
    """

    body: dict[str, Any]
    input: Sequence[Item]
    messages: Sequence[ChatMessage]
    previous: str | None = None

    @property
    def id(self) -> str:
        """The response's id."""
        return str(self.body["id"])

    @property
    def answer(self) -> Answer:
        """Its output, for replay."""
        return Answer(self.body["output"], self.messages)


class Store:
    """Keeps responses; those not used for longest go when there are too many.

    Safe for threads and for several servers at a time.

    Args:
        path: of the database, readable by its owner only.
        most_responses: how many to keep.
        most_bytes: how much to keep, in bytes of text.
    """

    def __init__(
        self, path: Path, most_responses: int = MOST_RESPONSES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._responses = BoundedTable(
            path, "responses", _TABLES, most_bytes=most_bytes, most_rows=most_responses
        )

    def put(self, stored: Stored) -> None:
        """Keeps a response."""
        texts = [_dump(stored.body), _dump(stored.input), _dump(stored.messages)]
        size = sum(map(len, texts))
        ids = {item["id"]: 0 for item in stored.input}
        ids |= {name: 1 for item in stored.body["output"] for name in names_of(item)}
        with self._responses.open() as database:
            used = self._responses.next_use(database)
            _delete(database, stored.id)
            database.execute(
                "insert into responses values (?, ?, ?, ?, ?, ?, ?)",
                [stored.id, stored.previous, used, size, *texts],
            )
            database.executemany(
                "insert into items values (?, ?, ?)",
                [(name, stored.id, output) for name, output in ids.items()],
            )
            self._responses.evict(database)

    def get(self, id_: str) -> Stored | None:
        """A response by its id."""
        with self._responses.open() as database:
            return _row(database, id_)

    def chain(self, id_: str) -> list[Stored] | None:
        """A response and all it went on from, the first one first; None if one is missing.

        All of them count as used now.
        """
        with self._responses.open() as database:
            chain: list[Stored] = []
            wanted: str | None = id_
            while wanted is not None:
                stored = _row(database, wanted)
                if stored is None:
                    return None
                chain.append(stored)
                wanted = stored.previous
            used = self._responses.next_use(database)
            # What others went on from is used last, so that it goes last.
            touched = [(used + place, stored.id) for place, stored in enumerate(chain)]
            database.executemany("update responses set used = ? where id = ?", touched)
            return chain[::-1]

    def answer(self, name: str) -> Answer | None:
        """The answer that holds an item, or a call, of that id."""
        with self._responses.open() as database:
            found = _owner(database, name, "output = 1")
            return None if found is None else found.answer

    def item(self, item_id: str) -> Item | None:
        """An item of a request or a response by its id."""
        with self._responses.open() as database:
            found = _owner(database, item_id, "true")
        items = () if found is None else (*found.body["output"], *found.input)
        return next((dict(item) for item in items if item["id"] == item_id), None)

    def delete(self, id_: str) -> bool:
        """Forgets a response and its items; False if there is none."""
        with self._responses.open() as database:
            return _delete(database, id_)

    def close(self) -> None:
        """Closes the database."""
        self._responses.close()


def _row(database: sqlite3.Connection, id_: str) -> Stored | None:
    found = database.execute(
        "select body, input, messages, previous from responses where id = ?", [id_]
    ).fetchone()
    if found is None:
        return None
    body, input_, messages = (json.loads(text) for text in found[:3])
    return Stored(body, input_, messages, found[3])


def _delete(database: sqlite3.Connection, id_: str) -> bool:
    return database.execute("delete from responses where id = ?", [id_]).rowcount > 0


def _owner(database: sqlite3.Connection, name: str, condition: str) -> Stored | None:
    found = database.execute(
        f"select response from items where id = ? and {condition} order by output desc", [name]
    ).fetchone()
    return None if found is None else _row(database, found[0])


def names_of(item: Item) -> set[str]:
    """What an item can be found by: its id, and the id of its call."""
    return {item["id"], item.get("call_id") or item["id"]}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
