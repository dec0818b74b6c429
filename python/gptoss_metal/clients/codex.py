"""Codex: a profile, and a catalogue that tells it what the model can do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from gptoss_metal.clients.codex_instructions import INSTRUCTIONS
from gptoss_metal.clients.files import File
from gptoss_metal.clients.setup import Client, Setup
from gptoss_metal.clients.target import KEY_VARIABLE, PROVIDER, Target

EFFORTS = {
    "low": "Short reasoning, fast answers",
    "medium": "Reasoning for everyday tasks",
    "high": "Long reasoning for hard problems",
}
OUTPUT_TOKENS = 10_000
"""Of one tool call's output, what Codex keeps."""


def configure(target: Target, folder: Path) -> Setup:
    """A profile named gptoss-metal, which leaves ``config.toml`` as it is."""
    catalogue = folder / f"{PROVIDER}.models.json"
    return Setup(
        files=(
            File(folder / f"{PROVIDER}.config.toml", _profile(target, catalogue)),
            File(catalogue, {"models": [_entry(target)]}),
        ),
        environment={} if target.api_key is None else {KEY_VARIABLE: target.api_key},
        relocation={"CODEX_HOME": str(folder)},
        arguments=("--profile", PROVIDER),
    )


def _profile(target: Target, catalogue: Path) -> str:
    key = "" if target.api_key is None else f"env_key = {_quoted(KEY_VARIABLE)}\n"
    return (
        f"model = {_quoted(target.model)}\n"
        f"model_provider = {_quoted(PROVIDER)}\n"
        f"model_context_window = {target.context}\n"
        f"model_catalog_json = {_quoted(str(catalogue))}\n"
        'web_search = "disabled"\n'
        "\n"
        f"[model_providers.{PROVIDER}]\n"
        f"name = {_quoted(PROVIDER)}\n"
        f"base_url = {_quoted(target.openai_url)}\n"
        'wire_api = "responses"\n' + key
    )


def _quoted(text: str) -> str:
    """A TOML string; its escapes are JSON's."""
    return json.dumps(text, ensure_ascii=False)


def _entry(target: Target) -> dict[str, Any]:
    """The model in Codex's catalogue."""
    return {
        "slug": target.model,
        "display_name": target.model,
        "description": "gpt-oss on this machine",
        "default_reasoning_level": "medium",
        "supported_reasoning_levels": [
            {"effort": effort, "description": text} for effort, text in EFFORTS.items()
        ],
        "shell_type": "unified_exec",
        "visibility": "list",
        "supported_in_api": True,
        "priority": 1,
        "base_instructions": INSTRUCTIONS,
        "default_reasoning_summary": "none",
        "support_verbosity": False,
        "apply_patch_tool_type": "freeform",
        "truncation_policy": {"mode": "tokens", "limit": OUTPUT_TOKENS},
        "context_window": target.context,
        "experimental_supported_tools": [],
        "input_modalities": ["text"],
        "supports_search_tool": False,
    }


CODEX = Client(
    name="codex",
    title="Codex CLI",
    install="npm install -g @openai/codex",
    user_folder=lambda: Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex"),
    configure=configure,
    program="codex",
)
