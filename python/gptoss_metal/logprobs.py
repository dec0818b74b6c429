"""Log-probabilities of tokens, told with the text that the tokens made."""

from __future__ import annotations

from gptoss_metal.events import Token
from gptoss_metal.generation import Sampled
from gptoss_metal.harmony.vocabulary import Vocabulary


class TokenTape:
    """Tokens of one message that wait for their text.

    Text comes later than its tokens: characters come whole, and what may become a stop string is
    held back. A token is told with the text that holds its first byte.

    Args:
        vocabulary: gives the bytes of tokens.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.clear()

    def clear(self) -> None:
        """Begins a new message."""
        self._waiting: list[tuple[int, Token]] = []
        self._noted = 0
        self._told = 0

    def note(self, sampled: Sampled) -> None:
        """Takes the next token, if it has a log-probability."""
        if sampled.logprob is None:
            return
        text = self._vocabulary.text([sampled.id])
        token = Token(sampled.id, text, sampled.logprob, sampled.top_logprobs)
        self._waiting.append((self._noted, token))
        self._noted += len(self._vocabulary.token_bytes(sampled.id))

    def release(self, text: str) -> tuple[Token, ...]:
        """The tokens whose text begins in the next piece of the message's text."""
        self._told += len(text.encode())
        count = sum(1 for start, _ in self._waiting if start < self._told)
        told = tuple(token for _, token in self._waiting[:count])
        del self._waiting[:count]
        return told
