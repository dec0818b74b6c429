"""What the model generated, kept for clients that send only its text back.

A turn's tokens are replayed exactly: the cache of the conversation stays valid, and the model sees
what it said, not a paraphrase. A client of OpenAI's API sends back an answer's text and calls; here
the tokens are found again by a call's id, else by the calls themselves or the text, together with
the message they answer. A conversation goes on exactly so after the server was started anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gptoss_metal.harmony.messages import Message
from gptoss_metal.server.bounded import BoundedTable

MOST_BYTES: Final = 256 << 20

_TABLES: Final = """
create table if not exists turns (
    number integer primary key, used integer not null, bytes integer not null,
    message text not null);
create index if not exists by_use on turns (used);
create table if not exists keys (key text primary key, turn integer not null) without rowid;
create index if not exists by_turn on keys (turn);
create trigger if not exists forgotten after delete on turns
    begin delete from keys where turn = old.number; end;
"""


class Replay:
    """A memory of turns, in a small database; thread-safe, also for several servers at a time.

    Args:
        path: of the database, readable by its owner only; None for one in memory.
        most_bytes: of all turns; those unused for longest are forgotten.
    """

    def __init__(self, path: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        self._turns = BoundedTable(path, "turns", _TABLES, most_bytes=most_bytes)

    @property
    def bytes(self) -> int:
        """What the turns take, in bytes of text."""
        with self._turns.open() as database:
            return self._turns.size(database)[1]

    def remember(self, message: Mapping[str, Any], before: Sequence[Message]) -> None:
        """Keeps a turn.

        Args:
            message: `Done.message`, with its ``harmony``.
            before: the messages that it answers.
        """
        if not message.get("harmony"):
            return
        text = json.dumps(message, separators=(",", ":"))
        keys = list(_keys(message, _asked(before)))
        with self._turns.open() as database:
            turn = database.execute(
                "insert into turns (used, bytes, message) values (?, ?, ?)",
                [self._turns.next_use(database), len(text), text],
            ).lastrowid
            database.executemany(
                "insert or replace into keys values (?, ?)", [(key, turn) for key in keys]
            )
            self._turns.evict(database)

    def close(self) -> None:
        """Closes the database."""
        self._turns.close()

    def restore(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation, the model's own messages as it wrote them where that is known.

        A message with other words than the model's stays the client's; only thinking that the
        client left out of a turn with calls comes back.
        """
        return [
            self._restored(message, messages[:number])
            if message.get("role") == "assistant"
            else message
            for number, message in enumerate(messages)
        ]

    def _restored(self, message: Message, before: Sequence[Message]) -> Message:
        if message.get("harmony"):
            return message
        known = self._find(message, _asked(before))
        if known is None:
            return message
        if _same(message, known):
            calls = _with_client_ids(message, known)
            return {**known, "tool_calls": calls} if calls else known
        if known.get("reasoning") and message.get("tool_calls") and not message.get("reasoning"):
            return {**message, "reasoning": known["reasoning"]}
        return message

    def _find(self, message: Message, asked: str) -> Mapping[str, Any] | None:
        with self._turns.open() as database:
            for key in _keys(message, asked):
                found = database.execute(
                    "select number, message from turns join keys on turn = number where key = ?",
                    [key],
                ).fetchone()
                if found is not None:
                    database.execute(
                        "update turns set used = ? where number = ?",
                        [self._turns.next_use(database), found[0]],
                    )
                    known: Mapping[str, Any] = json.loads(found[1])
                    return known
        return None


def _keys(message: Message, asked: str) -> Iterator[str]:
    calls = _calls(message)
    for call in calls:
        if isinstance(call.get("id"), str):
            yield f"id:{call['id']}"
    if calls:
        yield "calls:" + _hash(asked, *(part for call in calls for part in _said(call)))
    elif _words(message):
        yield "text:" + _hash(asked, _words(message))


def _asked(before: Sequence[Message]) -> str:
    """The words of the last message that is not the model's."""
    others = (message for message in reversed(before) if message.get("role") != "assistant")
    return next((_words(message) for message in others), "")


def _same(message: Message, known: Message) -> bool:
    """Whether a client's message says what the model said.

    Clients rewrite a call's JSON, trim text, and drop what was said before a call.
    """
    mine, theirs = _calls(message), _calls(known)
    if [_said(call) for call in mine] != [_said(call) for call in theirs]:
        return False
    return _words(message) == _words(known) or (bool(mine) and not _words(message))


def _with_client_ids(message: Message, known: Message) -> list[dict[str, Any]]:
    """The calls as generated, under the ids that the client's results quote."""
    return [
        {**theirs, "id": mine.get("id", theirs.get("id"))}
        for mine, theirs in zip(_calls(message), _calls(known), strict=True)
    ]


def _calls(message: Message) -> list[Mapping[str, Any]]:
    calls = message.get("tool_calls")
    return [call for call in calls or () if isinstance(call, Mapping)]


def _said(call: Mapping[str, Any]) -> tuple[str, str]:
    """A call's name and its argument, JSON in one spelling."""
    body = call.get("custom") or call.get("function")
    if not isinstance(body, Mapping):
        return "", ""
    said = body.get("input", body.get("arguments"))
    try:
        value = json.loads(said) if isinstance(said, str) else said
        said = json.dumps(value, sort_keys=True)
    except (ValueError, TypeError, RecursionError):
        said = str(said)
    return str(body.get("name")), said


def _words(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, Sequence) else ()
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "".join(text for text in texts if isinstance(text, str)).strip()


def _hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
