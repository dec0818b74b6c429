"""What a stored prefix belongs to, and what it is called."""

from __future__ import annotations

import hashlib
import json
from typing import Final

import numpy as np
import numpy.typing as npt

from gptoss_metal import _core

FORMAT: Final = 1
"""Of the files; a change of any byte's meaning raises it."""
Tokens = npt.NDArray[np.int32]


def identity(model: _core.Model) -> bytes:
    """32 bytes that differ when a model's keys and values would.

    They cover the weights (by the model file's checksums), config, both format versions, precision,
    backend and the size of a page.
    """
    facts = {
        "format": FORMAT,
        "model_format": model.metadata.get("format_version"),
        "checksums": model.metadata.get("checksums"),
        "config": model.metadata.get("config"),
        "precision": model.precision,
        "backend": model.backend,
        "page": _core.Prefix.page_positions,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).digest()


class Chain:
    """Keys of a sequence's pages; each covers all tokens up to the page's end.

    Args:
        identity: of the model.
        tokens: int32 [n].
        page: positions of a page.
    """

    def __init__(self, identity: bytes, tokens: Tokens, page: int) -> None:
        self.pages: Final[list[str]] = []
        """Keys of the full pages, in order; 64 hexadecimal digits each."""
        digest = identity
        data = np.ascontiguousarray(tokens, "<i4")
        full = len(data) // page * page
        for start in range(0, full, page):
            digest = hashlib.sha256(digest + data[start : start + page].tobytes()).digest()
            self.pages.append(digest.hex())
        rest = hashlib.sha256(digest + data[full:].tobytes()).hexdigest()
        self.prefix: Final = rest
        """Key of the whole sequence."""
