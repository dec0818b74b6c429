"""Names of responses and items, as OpenAI's clients know them."""

from __future__ import annotations

import secrets


def new_id(prefix: str) -> str:
    """A new id, e.g. ``resp_5d2f…`` for the prefix ``resp``."""
    return f"{prefix}_{secrets.token_hex(24)}"
