"""Log-probabilities of tokens, as the output's text tells them."""

from __future__ import annotations

from typing import Any, Final

from gptoss_metal.events import Token
from gptoss_metal.harmony.vocabulary import Vocabulary

LOWEST: Final = -9999.0
"""Stands for minus infinity, which JSON cannot say."""


class Speller:
    """Writes tokens with one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def __call__(self, token: Token) -> dict[str, Any]:
        """A token: ``token`` (text), ``bytes``, ``logprob``, and the likeliest in its place."""
        others = [self._one(id_, logprob) for id_, logprob in token.top_logprobs]
        return {**self._one(token.id, token.logprob or 0.0), "top_logprobs": others}

    def _one(self, id_: int, logprob: float) -> dict[str, Any]:
        return {
            "token": self._vocabulary.text([id_]),
            "bytes": list(self._vocabulary.token_bytes(id_)),
            "logprob": max(logprob, LOWEST),
        }
