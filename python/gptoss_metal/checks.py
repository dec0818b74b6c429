"""Checks of what callers pass, each with its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gptoss_metal.config import Config
from gptoss_metal.errors import Error

Ids = npt.NDArray[np.int32]


def context(wanted: int | None, config: Config) -> int:
    """The context to use: `wanted`, or the model's maximum.

    Raises:
        Error: less than 1 token, or more than the model's maximum.
    """
    most = config.max_position_embeddings
    if wanted is None:
        return most
    if not 1 <= wanted <= most:
        raise Error(
            f"[context] {wanted} tokens of context, and this model has 1 to {most}. "
            f"Try: --context {most} or less."
        )
    return wanted


def max_tokens(limit: int | None) -> None:
    """Raises Error unless the limit is None or at least 1."""
    if limit is not None and limit < 1:
        raise Error(f"[generate] max_tokens is {limit}. Try: 1 or more.")


def tokens(given: Sequence[int] | npt.NDArray[Any], vocab: int, limit: int) -> Ids:
    """The ids as int32 [n].

    Raises:
        Error: none, not integers, one outside [0, vocab), or more than `limit`.
    """
    ids = _integers(given)
    if ids.size == 0:
        raise Error("[prompt] the prompt is empty. Try: at least one token.")
    outside = np.flatnonzero((ids < 0) | (ids >= vocab))
    if outside.size:
        where = int(outside[0])
        raise Error(
            f"[prompt] token {ids[where]} at position {where} is out of range. "
            f"Try: ids from 0 to {vocab - 1}."
        )
    if ids.size > limit:
        raise Error(
            f"[prompt] {ids.size} tokens do not fit a context of {limit}. "
            "Try: a shorter prompt, or a larger --context."
        )
    return ids.astype(np.int32)


def prompt(given: Sequence[int] | npt.NDArray[Any], vocab: int, limit: int) -> Ids:
    """`tokens`, which must also leave room for an answer."""
    ids = tokens(given, vocab, limit)
    if ids.size == limit:
        raise Error(
            f"[prompt] {ids.size} tokens fill the whole context of {limit}. "
            "Try: a shorter prompt, or a larger --context."
        )
    return ids


def _integers(given: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    try:
        array = np.asarray(given)
        if array.size == 0:
            return np.zeros(0, np.int64)
        if array.ndim == 1 and array.dtype.kind in "iu":
            return array.astype(np.int64)
    except (ValueError, TypeError, OverflowError):
        array = np.zeros(0)
    raise Error("[prompt] the tokens are not a list of integers. Try: [1, 2, 3].")
