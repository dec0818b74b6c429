"""The vocabulary in llguidance's form."""

from __future__ import annotations

from typing import Any, Final

import llguidance

from gptoss_metal.harmony import tokens as t
from gptoss_metal.harmony.vocabulary import Vocabulary

SIZE: Final = 201088
"""Ids that gpt-oss has logits for; openai-harmony names one more."""

# How o200k_base cuts text into words before it merges bytes. Source: tiktoken's o200k_base.
_WORDS: Final = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)


def build_tokenizer(vocabulary: Vocabulary) -> llguidance.LLTokenizer:
    """The vocabulary for grammars; takes about a second."""
    ranks = {vocabulary.token_bytes(token): token for token in range(t.ORDINARY)}
    specials = {t.name(token): token for token in range(t.ORDINARY, SIZE)}
    return _from_ranks(ranks, specials, _WORDS, t.END_OF_TEXT)


def small_tokenizer() -> llguidance.LLTokenizer:
    """One token per byte: grammars can be checked with it at once."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    return _from_ranks(ranks, {t.name(t.END_OF_TEXT): 256}, r"[\s\S]", 256)


def _from_ranks(
    ranks: dict[bytes, int], specials: dict[str, int], words: str, end: int
) -> llguidance.LLTokenizer:
    maker: Any = llguidance.LLTokenizer  # its stubs leave `from_tiktoken` out
    tokenizer: llguidance.LLTokenizer = maker.from_tiktoken(
        encoder=ranks,
        special_tokens=specials,
        pattern=words,
        eos_token=end,
        n_vocab=len(ranks) + len(specials),
    )
    return tokenizer
