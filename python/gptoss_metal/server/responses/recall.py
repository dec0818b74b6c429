"""What the server answered lately, so that clients who send it back are answered from it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from gptoss_metal.server.responses.history import Answer
from gptoss_metal.server.responses.store import Store, names_of

MOST_NAMES: Final = 2048


class Recall:
    """Finds answers by the ids of their items and calls: in memory, then in the store.

    Answers that are not to be stored are in memory only, the latest ones, until the server ends.

    Args:
        store: of the responses.
        most_names: how many ids are remembered.
    """

    def __init__(self, store: Store, most_names: int = MOST_NAMES) -> None:
        self._store = store
        self._most_names = most_names
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def keep(self, answer: Answer) -> None:
        """Remembers an answer."""
        with self._lock:
            for item in answer.items:
                for name in names_of(item):
                    self._answers[name] = answer
                    self._answers.move_to_end(name)
            while len(self._answers) > self._most_names:
                self._answers.popitem(last=False)

    def forget(self, answer: Answer) -> None:
        """Forgets an answer."""
        with self._lock:
            for item in answer.items:
                for name in names_of(item):
                    self._answers.pop(name, None)

    def __call__(self, name: str) -> Answer | None:
        """The answer that an item or a call of that id belongs to."""
        if not name:
            return None
        with self._lock:
            found = self._answers.get(name)
        return found or self._store.answer(name)
