"""Checkpoints by repository id, through huggingface_hub and its cache."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from .failure import failure

ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
PUBLISHED: Final = ("gpt-oss-20b", "gpt-oss-120b")
CHECKPOINT_FILES: Final = [
    "config.json",
    "tokenizer.json",
    "model*.safetensors",
    "model.safetensors.index.json",
]
ORIGINAL_FILES: Final = ["tokenizer.json", "original/config.json", "original/*.safetensors*"]


def repository_id(source: str) -> str | None:
    """Return the repository that ``source`` may mean, or None where it can only be a path."""
    if source in PUBLISHED:
        return f"openai/{source}"
    return source if ID.fullmatch(source) else None


def download(repo: str, revision: str | None) -> tuple[Path, str]:
    """Return the local snapshot of a repository and its commit; only missing files are fetched.

    The ``original/`` folder is fetched only where a repository has no model*.safetensors.

    Raises:
        Error: no such repository or revision, no right to it, or no network and no cached copy.
    """
    snapshot = _snapshot(repo, revision, CHECKPOINT_FILES)
    if not any(snapshot.glob("model*.safetensors*")):
        snapshot = _snapshot(repo, revision, ORIGINAL_FILES)
    return snapshot, snapshot.name


def _snapshot(repo: str, revision: str | None, patterns: list[str]) -> Path:
    # Imported here: it takes a large part of a second, and only repository ids need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f"{repo}@{revision}" if revision else repo
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=patterns))
    except GatedRepoError as error:
        raise failure(
            f"{at} needs an account with access", "accept its terms, then `hf auth login`"
        ) from error
    except RevisionNotFoundError as error:
        raise failure(f"{repo} has no revision {revision!r}", "a branch, tag or commit") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise failure(
            f"{at} is neither a directory here nor a repository on the hub",
            "the path of a checkpoint directory, or openai/gpt-oss-20b",
        ) from error
    except LocalEntryNotFoundError as error:
        raise failure(
            f"{at} is not a directory here, not in the Hugging Face cache, and the hub cannot be "
            "reached",
            "a network connection, or the path of a checkpoint directory",
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise failure(f"cannot download {at} ({error!s:.200})", "again; it resumes") from error
