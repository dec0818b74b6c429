"""Loading the model for the engine, and what is known of it while it is unloaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from gptoss_metal.config import Config
from gptoss_metal.errors import Error
from gptoss_metal.harmony.grammar.grammars import Grammars
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.model import Info, Model
from gptoss_metal.server.problem import Problem


@dataclass(frozen=True)
class Card:
    """What a server knows of its model, loaded or not.

    Attributes:
        info: the file, and how it runs.
        config: its shape.
        context: the most tokens of prompt and answer together.
        vocabulary: text to tokens and back.
        grammars: what it may say in a turn.
    """

    info: Info
    config: Config
    context: int
    vocabulary: Vocabulary
    grammars: Grammars

    @classmethod
    def of(cls, model: Model) -> Card:
        """The card of a model.

        Raises:
            Error: the model carries no vocabulary, or cannot speak harmony.
        """
        model.check_chat()
        return cls(model.info, model.config, model.context, model.vocabulary, model.grammars)


class Loader:
    """Loads the model whenever the engine needs it; the first time its card is made.

    Args:
        load: loads the model.
    """

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load = load
        self._card: Card | None = None
        self.failure: Error | None = None
        """Why the model could not be loaded at all; None while it may yet be, or has been."""
        self.tried = threading.Event()
        """Set when it has been loaded once, or could not be."""

    def __call__(self) -> Model:
        """Loads the model."""
        try:
            model = self._load()
            if self._card is None:
                card = Card.of(model)
                card.grammars.prepare()
                self._card = card
        except Error as failure:
            if self._card is None:
                self.failure = failure
            raise
        finally:
            self.tried.set()
        return model

    @property
    def card(self) -> Card:
        """What is known of the model.

        Raises:
            Problem: it is still being loaded for the first time, or could not be.
        """
        if self._card is None:
            what = "the model is being loaded" if self.failure is None else str(self.failure)
            raise Problem(f"[serve] {what}. Try: again soon.", "unavailable", retry_after=2)
        return self._card
