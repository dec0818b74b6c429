"""Deep caches without computing them."""

from __future__ import annotations

from typing import Final

import numpy as np

from gptoss_metal import _core
from gptoss_metal.errors import Error

PAGE: Final = _core.Prefix.page_positions
"""Positions; a cache grows by so many."""


class Cache:
    """Prefixes of any number of pages, all with the keys and values of the first.

    Only that page is computed: how long a step takes depends on how many positions there are, not
    on their values. It must be longer than the model's window.
    """

    def __init__(self, model: _core.Model, rng: np.random.Generator) -> None:
        self._model = model
        self._tokens = rng.integers(0, int(model.config["vocab_size"]), PAGE, np.int32)
        session = _core.Session(model, PAGE, PAGE)
        session.sync(self._tokens)
        prefix = session.checkpoint()
        self._page = [prefix.page(index) for index in range(prefix.page_count())]
        self._window = prefix.window()

    def prefix(self, depth: int) -> _core.Prefix:
        """Return the state behind so many tokens.

        Raises:
            Error: that is no whole number of pages, or more than the model's context.
        """
        if depth % PAGE or depth <= 0:
            raise Error(f"[growth] {depth} tokens are no whole pages. Try: a multiple of {PAGE}.")
        pages = depth // PAGE
        tokens = np.tile(self._tokens, pages)
        return _core.Prefix.load(self._model, tokens, self._page * pages, self._window)
