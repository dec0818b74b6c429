"""All the clients that gptoss-metal can point at a server."""

from __future__ import annotations

from typing import Final

from gptoss_metal.clients.agents import AGENTS
from gptoss_metal.clients.chats import CHATS
from gptoss_metal.clients.codex import CODEX
from gptoss_metal.clients.setup import Client
from gptoss_metal.errors import Error

CLIENTS: Final[dict[str, Client]] = {client.name: client for client in (CODEX, *AGENTS, *CHATS)}


def find(name: str) -> Client:
    """The client of that name.

    Raises:
        Error: there is none.
    """
    client = CLIENTS.get(name.lower())
    if client is None:
        raise Error(f"[client] {name!r} is not one we know. Try: {', '.join(CLIENTS)}.")
    return client
