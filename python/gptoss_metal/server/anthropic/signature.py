"""Signatures of thinking blocks: opaque to clients, which send them back as they are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import Final

_TOLD: Final = "gptoss1."
_HELD: Final = "gptoss2."
_MOST: Final = 4 << 20
"""Bytes of reasoning that a signature may hold."""


def sign(thinking: str, *, omitted: bool) -> str:
    """A thinking block's signature.

    Args:
        thinking: the reasoning.
        omitted: the block has no text, so the signature holds it.
    """
    raw = thinking.encode("utf-8", "replace")
    if omitted:
        return _HELD + base64.urlsafe_b64encode(zlib.compress(raw)).decode()
    return _TOLD + base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode()


def held(signature: str) -> str:
    """The reasoning that a signature holds; empty for other signatures, and damaged ones."""
    if not signature.startswith(_HELD):
        return ""
    try:
        data = base64.urlsafe_b64decode(signature.removeprefix(_HELD).encode())
        return zlib.decompressobj().decompress(data, _MOST).decode("utf-8", "replace")
    except (binascii.Error, ValueError, zlib.error):
        return ""
