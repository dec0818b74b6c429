"""Names as Ollama's clients write and list them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gptoss_metal import store
from gptoss_metal.server.served import Served

PUBLISHED: Final = {"gpt-oss-20b": "gpt-oss:20b", "gpt-oss-120b": "gpt-oss:120b"}


def listed(served: Served) -> list[str]:
    """Every name a client may use, with a tag as Ollama writes it."""
    return unique(full for name in served.all_names() for full in tagged(name))


def tagged(name: str) -> list[str]:
    """A name with its tags: ``demo`` is ``demo:latest``."""
    full = name if ":" in name else f"{name}:latest"
    short = PUBLISHED.get(store.canonical(name))
    return unique([short, full] if short else [full])


def unique(names: Iterable[str]) -> list[str]:
    """The names in order, each once."""
    return list(dict.fromkeys(names))
