"""The o200k_base vocabulary, read from the bpe-openai package, so that nothing is downloaded."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
from importlib import util
from pathlib import Path

from gptoss_metal.harmony import tokens

SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
FILE_NAME = "o200k_base.tiktoken"
VOCAB_SIZE = 201088

END_OF_PROMPT = 200018
SPECIAL_NAMES = {**tokens.NAMES, END_OF_PROMPT: "<|endofprompt|>"}
"""Specials with a meaning, by id; all others are reserved."""


def vocabulary_bytes() -> bytes:
    """Return the exact bytes of ``o200k_base.tiktoken`` (3,613,922 bytes), checked by sha256.

    Raises:
        RuntimeError: bpe-openai is not installed, or holds another vocabulary.
    """
    package = util.find_spec("bpe_openai")
    if package is None or package.origin is None:
        raise RuntimeError("[vocabulary] no bpe-openai. Try: pip install bpe-openai==0.1.4")
    packed = Path(package.origin).parent / "data" / "o200k_base.tiktoken.gz"
    data = gzip.decompress(packed.read_bytes())
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise RuntimeError(
            "[vocabulary] bpe-openai holds another o200k_base. Try: pip install bpe-openai==0.1.4"
        )
    return data


def ranks() -> list[bytes]:
    """Return the byte string of every ordinary token, indexed by id (0 .. 199997)."""
    tokens: list[bytes] = []
    for number, line in enumerate(vocabulary_bytes().splitlines()):
        token, rank = line.split(b" ")
        if int(rank) != number:
            raise RuntimeError(f"[vocabulary] line {number} has rank {int(rank)}.")
        tokens.append(base64.b64decode(token))
    return tokens


def default_directory() -> Path:
    """Return the directory in which gptoss-metal keeps the vocabulary."""
    home = os.environ.get("GPTOSS_METAL_HOME") or str(Path.home() / ".gptoss-metal")
    return Path(home) / "vocabulary"


def install(directory: Path | None = None) -> Path:
    """Write the vocabulary (once) and point openai_harmony at it; call before importing that.

    Args:
        directory: where the file goes; default: what ``TIKTOKEN_ENCODINGS_BASE`` says, else
            gptoss-metal's own directory.

    Returns:
        The directory, which ``TIKTOKEN_ENCODINGS_BASE`` now names.
    """
    named = os.environ.get("TIKTOKEN_ENCODINGS_BASE")
    target = directory or (Path(named) if named else default_directory())
    path = target / FILE_NAME
    if not path.exists():
        target.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.part")
        partial.write_bytes(vocabulary_bytes())
        partial.replace(path)
    os.environ["TIKTOKEN_ENCODINGS_BASE"] = str(target)
    return target
