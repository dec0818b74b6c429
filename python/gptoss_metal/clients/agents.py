"""Other coding agents: Claude Code, Continue, opencode, aider, Zed."""

from __future__ import annotations

import os
from pathlib import Path

from gptoss_metal.clients.files import File
from gptoss_metal.clients.setup import Client, Setup
from gptoss_metal.clients.target import KEY_VARIABLE, PROVIDER, Target


def _home(*names: str) -> Path:
    return Path.home().joinpath(*names)


def claude_code(target: Target, folder: Path) -> Setup:
    """Settings in a file of their own, named on the command line."""
    settings = folder / f"{PROVIDER}.json"
    models = ("ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL")
    small = ("ANTHROPIC_DEFAULT_HAIKU_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL")
    variables = {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_AUTH_TOKEN": target.key,
        **dict.fromkeys(models + small, target.model),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return Setup(
        files=(File(settings, {"env": variables}),),
        relocation={"CLAUDE_CONFIG_DIR": str(folder)},
        arguments=("--settings", str(settings)),
    )


def continue_cli(target: Target, folder: Path) -> Setup:
    """A model among those of ``config.yaml``."""
    path = folder / "config.yaml"
    model = {
        "name": f"{target.model} ({PROVIDER})",
        "provider": "openai",
        "model": target.model,
        "apiBase": target.openai_url,
        "apiKey": target.key,
        "useResponsesApi": False,
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use"],
        "defaultCompletionOptions": {"contextLength": target.context},
    }
    values = {"name": "Local", "version": "1.0.0", "schema": "v1", "models": [model]}
    return Setup(
        files=(File(path, values),),
        relocation={"CONTINUE_GLOBAL_DIR": str(folder)},
        arguments=("--config", str(path)),
    )


def opencode(target: Target, folder: Path) -> Setup:
    """A provider among those of ``opencode.json``; the default model stays the user's."""
    path = folder / "opencode.json"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": PROVIDER,
        "options": {"baseURL": target.openai_url, "apiKey": target.key},
        "models": {
            target.model: {
                "name": target.model,
                "reasoning": True,
                "tool_call": True,
                "limit": {"context": target.context, "output": target.context // 2},
            }
        },
    }
    schema = "https://opencode.ai/config.json"
    return Setup(
        files=(File(path, {"$schema": schema, "provider": {PROVIDER: provider}}),),
        relocation={"OPENCODE_CONFIG": str(path)},
        arguments=("--model", f"{PROVIDER}/{target.model}"),
    )


def aider(target: Target, folder: Path) -> Setup:
    """Environment variables; aider needs no file."""
    return Setup(
        environment={"OPENAI_API_BASE": target.openai_url, "OPENAI_API_KEY": target.key},
        arguments=("--model", f"openai/{target.model}"),
    )


def zed(target: Target, folder: Path) -> Setup:
    """A provider among those of ``settings.json``; Zed takes the key from its environment."""
    model = {
        "name": target.model,
        "display_name": target.model,
        "max_tokens": target.context,
        "capabilities": {
            "tools": True,
            "images": False,
            "parallel_tool_calls": False,
            "prompt_cache_key": True,
        },
    }
    provider = {"api_url": target.openai_url, "available_models": [model]}
    values = {"language_models": {"openai_compatible": {PROVIDER: provider}}}
    return Setup(
        files=(File(folder / "settings.json", values),),
        environment={KEY_VARIABLE: target.key},
    )


AGENTS = (
    Client(
        "claude-code",
        "Claude Code",
        "npm install -g @anthropic-ai/claude-code",
        lambda: Path(os.environ.get("CLAUDE_CONFIG_DIR") or _home(".claude")),
        claude_code,
        "claude",
    ),
    Client(
        "continue",
        "Continue CLI",
        "npm install -g @continuedev/cli",
        lambda: Path(os.environ.get("CONTINUE_GLOBAL_DIR") or _home(".continue")),
        continue_cli,
        "cn",
    ),
    Client(
        "opencode",
        "opencode",
        "npm install -g opencode-ai",
        lambda: Path(os.environ.get("XDG_CONFIG_HOME") or _home(".config")) / "opencode",
        opencode,
        "opencode",
    ),
    Client("aider", "aider", "pip install aider-chat", Path.home, aider, "aider"),
    Client(
        "zed",
        "Zed",
        "see zed.dev/download",
        lambda: Path(os.environ.get("XDG_CONFIG_HOME") or _home(".config")) / "zed",
        zed,
    ),
)
