"""Whether a server answers at a URL, and what it serves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final

from gptoss_metal.clients.target import Target
from gptoss_metal.errors import Error

CONTEXT: Final = 131_072
"""Tokens; of every gpt-oss model, where a server does not say."""
_TIMEOUT: Final = 5.0  # seconds


def target(url: str, model: str | None, api_key: str | None) -> Target | None:
    """What a client needs to use the server at a URL; None if none answers.

    Args:
        url: of the server, without a path.
        model: which of its models; None for its first.
        api_key: sent with every request; None for none.

    Raises:
        Error: what answers is no such server, wants another key, or has no such model.
    """
    listed = _ask(url, "/v1/models", api_key)
    if listed is None:
        return None
    names = _names(listed)
    if not names:
        raise Error(f"[url] what answers at {url} names no models. Try: another --url.")
    if model is not None and model not in names:
        raise Error(
            f"[model] the server at {url} has no {model!r}. Try: --model {' or '.join(names)}."
        )
    chosen = model or names[0]
    return Target(url, chosen, _context(url, chosen, api_key), api_key)


def answers(url: str) -> bool:
    """Whether a server that is ready answers."""
    try:
        with _open(url, "/health", None, None):
            return True
    except (OSError, ValueError):
        return False


def _names(listed: Any) -> list[str]:
    entries = listed.get("data") if isinstance(listed, dict) else None
    found = [entry.get("id") for entry in entries or () if isinstance(entry, dict)]
    return [name for name in found if isinstance(name, str) and name]


def _context(url: str, model: str, api_key: str | None) -> int:
    shown = _ask(url, "/api/show", api_key, {"model": model})
    facts = shown.get("model_info") if isinstance(shown, dict) else None
    length = facts.get("gptoss.context_length") if isinstance(facts, dict) else None
    return length if isinstance(length, int) and length > 0 else CONTEXT


def _ask(url: str, path: str, api_key: str | None, body: Any = None) -> Any:
    """The JSON answered; None if nothing answers or the path is unknown."""
    try:
        with _open(url, path, api_key, body) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        if refusal.code in (401, 403):
            raise Error(
                f"[url] the server at {url} refuses the key. Try: --api-key KEY, as it was given."
            ) from None
        if refusal.code == 503:
            raise Error(
                f"[url] the server at {url} is not ready. Try: again in a moment."
            ) from None
        return {}
    except ValueError:  # not JSON
        return {}
    except OSError:
        return None


def _open(url: str, path: str, api_key: str | None, body: Any) -> Any:
    request = urllib.request.Request(
        url + path, None if body is None else json.dumps(body).encode()
    )
    request.add_header("Content-Type", "application/json")
    if api_key is not None:
        request.add_header("Authorization", f"Bearer {api_key}")
    # A local server is reached directly, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=_TIMEOUT)
