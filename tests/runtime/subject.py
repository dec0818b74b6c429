"""What the runtime's tests compute with, and small helpers."""

from __future__ import annotations

import gc

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core

WINDOW = 24
LENGTH = 600
VOCAB = 512
CHUNK = 64
PAGE = 256

Tokens = npt.NDArray[np.int32]
Logits = npt.NDArray[np.float32]


def session(model: _core.Model, chunk: int = CHUNK) -> _core.Session:
    """A new session."""
    return _core.Session(model, chunk=chunk)


def computed(model: _core.Model, tokens: Tokens) -> _core.Session:
    """A session that holds these tokens."""
    new = session(model)
    new.sync(tokens)
    return new


def follow(subject: _core.Session, tokens: Tokens, steps: int = 3) -> Logits:
    """Logits after a chunk of the tokens and after each of the last `steps` decoded ones."""
    rows = []
    if len(tokens) > steps:
        _core.advance([(subject, tokens[:-steps][:CHUNK])])
        rows.append(subject.logits().copy())
    for token in tokens[-steps:]:
        subject.step(int(token))
        rows.append(subject.logits().copy())
    return np.stack(rows)


def live(model: _core.Model) -> int:
    """The model's cache bytes, without what Python has yet to forget."""
    gc.collect()
    return model.cache_bytes


def serialised(prefix: _core.Prefix) -> tuple[list[bytes], bytes]:
    """Pages and window state."""
    return [prefix.page(i) for i in range(prefix.page_count())], prefix.window()
