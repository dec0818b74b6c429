"""A table that keeps what was used last, in a database of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gptoss_metal.server.database import open_database


class BoundedTable:
    """Rows that go, those unused for longest first, when they are too many or too large.

    Safe for threads and for several servers at a time. The database is opened when it is first
    needed.

    Args:
        path: of the database, readable by its owner only; None for one in memory.
        name: of the table. It has the columns ``used integer``, `next_use` at the last use, and
            ``bytes integer``, the row's size.
        tables: SQL that makes what is missing; a trigger removes what belongs to a row that goes.
        most_bytes: of all rows.
        most_rows: how many; None for any number.
    """

    def __init__(
        self,
        path: Path | None,
        name: str,
        tables: str,
        *,
        most_bytes: int,
        most_rows: int | None = None,
    ) -> None:
        self._path = path
        self._name = name
        self._tables = tables
        self._most_bytes = most_bytes
        self._most_rows = most_rows
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """The database, for this thread alone; committed at the end, or rolled back on an error.

        Raises:
            Problem: it cannot be opened or written.
        """
        with self._lock:
            if self._database is None:
                self._database = open_database(self._path, self._tables)
            with self._database as database:
                yield database

    def close(self) -> None:
        """Closes the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def next_use(self, database: sqlite3.Connection) -> int:
        """A number larger than those of all uses so far."""
        query = f"select coalesce(max(used), 0) + 1 from {self._name}"
        return int(database.execute(query).fetchone()[0])

    def size(self, database: sqlite3.Connection) -> tuple[int, int]:
        """How many rows there are, and their bytes."""
        query = f"select count(*), coalesce(sum(bytes), 0) from {self._name}"
        rows, size = database.execute(query).fetchone()
        return int(rows), int(size)

    def evict(self, database: sqlite3.Connection) -> None:
        """Removes rows until the rest is within the bounds."""
        rows, size = self.size(database)
        most_rows = rows if self._most_rows is None else self._most_rows
        gone: list[tuple[int]] = []
        oldest = database.execute(f"select rowid, bytes from {self._name} order by used")
        with closing(oldest):
            while rows - len(gone) > most_rows or size > self._most_bytes:
                row, freed = oldest.fetchone()
                gone.append((row,))
                size -= freed
        database.executemany(f"delete from {self._name} where rowid = ?", gone)
