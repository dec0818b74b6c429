"""Bounds of what a made-up request can cost: it is the server that is tested, not the model."""

from __future__ import annotations

from typing import Any

TOKENS = 24
CHOICES = 2
LIMITS = {
    "/chat/completions": "max_completion_tokens",
    "/completions": "max_tokens",
    "/responses": "max_output_tokens",
}


def bounded(path: str, body: Any) -> Any:
    """A body that the demo model answers, and soon; everything else stays as it was made."""
    if not isinstance(body, dict) or path not in LIMITS:
        return body
    changed = {LIMITS[path]: TOKENS, **body, "model": "demo"}
    for name, most in ((LIMITS[path], TOKENS), ("max_tokens", TOKENS), ("n", CHOICES)):
        if isinstance(changed.get(name), int) and changed[name] > most:
            changed[name] = most
    return changed
