"""Small databases of the server: private to their owner, and whole after any crash."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from gptoss_metal.server.problem import Problem

LOCKED_SECONDS: Final = 10.0
"""How long to wait for others. SQLite waits by itself but where several switch a new file to its
write-ahead log at the same moment."""
log = logging.getLogger(__name__)


def open_database(path: Path | None, tables: str) -> sqlite3.Connection:
    """Opens a database, or makes it.

    Args:
        path: readable by its owner only; a file that is damaged is moved aside. None for one in
            memory.
        tables: SQL that makes what is missing.

    Returns:
        A connection for any thread, one at a time. As a context manager it commits, or rolls back
        on an error.

    Raises:
        Problem: it cannot be opened or written.
    """
    if path is None:
        return _opened(":memory:", tables)
    try:
        return _opened_or_new(path, tables)
    except (OSError, sqlite3.OperationalError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise Problem(
            f"[serve] {path.name} cannot be opened: {why}. "
            "Try: set GPTOSS_METAL_HOME to a folder that can be written to.",
            "internal",
        ) from None


def _opened_or_new(path: Path, tables: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        return _opened(path, tables)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
        os.replace(path, aside)
        log.warning("%s is damaged; it was moved to %s", path.name, aside.name)
        return _opened_or_new(path, tables)


def _opened(path: Path | str, tables: str) -> sqlite3.Connection:
    end = time.monotonic() + LOCKED_SECONDS
    while True:
        database = sqlite3.connect(path, timeout=LOCKED_SECONDS, check_same_thread=False)
        try:
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = normal")
            database.execute("pragma secure_delete = on")
            database.executescript(tables)
            return database
        except BaseException as problem:
            database.close()
            locked = isinstance(problem, sqlite3.OperationalError) and "locked" in str(problem)
            if not locked or time.monotonic() > end:
                raise
            time.sleep(0.01)
