"""Chat programs and libraries: llm, Open WebUI, the SDKs' environment variables."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gptoss_metal.clients.files import File
from gptoss_metal.clients.setup import Client, Setup
from gptoss_metal.clients.target import PROVIDER, Target


def llm(target: Target, folder: Path) -> Setup:
    """A model among those of ``extra-openai-models.yaml``."""
    model = {
        "model_id": f"{PROVIDER}/{target.model}",
        "model_name": target.model,
        "api_base": target.openai_url,
        "reasoning": True,
        "supports_schema": True,
        "supports_tools": True,
    }
    return Setup(
        files=(File(folder / "extra-openai-models.yaml", [model]),),
        environment={"LLM_MODEL": f"{PROVIDER}/{target.model}", "OPENAI_API_KEY": target.key},
        relocation={"LLM_USER_PATH": str(folder)},
    )


def open_webui(target: Target, folder: Path) -> Setup:
    """Environment variables: OpenAI's API for the chat, Ollama's for the list of models."""
    return Setup(
        environment={
            "OPENAI_API_BASE_URL": target.openai_url,
            "OPENAI_API_KEY": target.key,
            "OLLAMA_BASE_URL": target.url,
            "ENABLE_OLLAMA_API": "false" if target.api_key else "true",
        },
        arguments=("serve",),
    )


def openai(target: Target, folder: Path) -> Setup:
    """What OpenAI's SDKs, and most programs over them, read."""
    return Setup(
        environment={"OPENAI_BASE_URL": target.openai_url, "OPENAI_API_KEY": target.key},
    )


def ollama(target: Target, folder: Path) -> Setup:
    """What Ollama's own clients read."""
    key = {} if target.api_key is None else {"OLLAMA_API_KEY": target.api_key}
    return Setup(environment={"OLLAMA_HOST": target.url, **key})


def anthropic(target: Target, folder: Path) -> Setup:
    """What Anthropic's SDKs read."""
    return Setup(
        environment={"ANTHROPIC_BASE_URL": target.url, "ANTHROPIC_API_KEY": target.key},
    )


def _llm_folder() -> Path:
    chosen = os.environ.get("LLM_USER_PATH")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "io.datasette.llm"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "io.datasette.llm"


CHATS = (
    Client("llm", "llm", "pip install llm", _llm_folder, llm, "llm"),
    Client(
        "open-webui", "Open WebUI", "pip install open-webui", Path.home, open_webui, "open-webui"
    ),
    Client("openai", "OpenAI's SDKs", "pip install openai", Path.home, openai),
    Client("ollama", "Ollama's clients", "pip install ollama", Path.home, ollama),
    Client("anthropic", "Anthropic's SDKs", "pip install anthropic", Path.home, anthropic),
)
