"""The o200k vocabulary: the bytes of o200k_base.tiktoken, rebuilt from a tokenizer.json.

A model file carries these bytes, so that converting and chatting need no network.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from .failure import failure, os_failure
from .shards import read_json

SHA256: Final = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
RANKS: Final = 199998  # ordinary tokens; the special ones follow
SMALLEST_CHAT_VOCABULARY: Final = 200013  # rows up to <|call|>, the last token harmony needs
TIKTOKEN_NAME: Final = "o200k_base.tiktoken"
JSON_NAME: Final = "tokenizer.json"


def find_vocabulary(directories: list[Path], given: Path | None, vocab_size: int) -> bytes:
    """Return the bytes of o200k_base.tiktoken for a checkpoint.

    Args:
        directories: where tokenizer.json or o200k_base.tiktoken is looked for, in this order.
        given: a tokenizer.json or o200k_base.tiktoken named by the user, or None.
        vocab_size: rows of the embedding. A model too small for harmony's tokens that comes
            without a tokenizer gets an empty vocabulary: it takes token ids only.

    Raises:
        Error: no tokenizer, or not that of gpt-oss.
    """
    places = [directory / name for directory in directories for name in (JSON_NAME, TIKTOKEN_NAME)]
    path = given or next((place for place in places if place.is_file()), None)
    if path is None:
        if vocab_size < SMALLEST_CHAT_VOCABULARY:
            return b""
        raise failure(
            f"{directories[0]} has no {JSON_NAME}",
            f"--tokenizer with the path of gpt-oss's {JSON_NAME} or of {TIKTOKEN_NAME}",
        )
    data = _rebuilt(path) if path.suffix == ".json" else _bytes(path)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise failure(
            f"{path} is not the vocabulary of gpt-oss (o200k, sha256 {SHA256[:8]}…)",
            f"--tokenizer with the path of gpt-oss's {JSON_NAME} or of {TIKTOKEN_NAME}",
        )
    return data


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise os_failure(f"cannot read {path}", error, "another --tokenizer") from error


def _rebuilt(path: Path) -> bytes:
    """Return the lines ``base64(token) SP rank LF`` of a tokenizer.json's ordinary tokens."""
    model = read_json(path).get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocab, dict):
        raise failure(f"{path} has no model.vocab", f"gpt-oss's own {JSON_NAME}")
    spelled = {char: byte for byte, char in enumerate(byte_spellings())}
    lines: list[bytes] = [b""] * RANKS
    for token, rank in vocab.items():
        if not (isinstance(rank, int) and 0 <= rank < RANKS):
            continue
        try:
            lines[rank] = base64.b64encode(bytes(spelled[char] for char in token))
        except KeyError:
            raise failure(
                f"{path}: token {rank} is not spelled in bytes", f"gpt-oss's own {JSON_NAME}"
            ) from None
    return b"".join(b"%s %d\n" % (line, rank) for rank, line in enumerate(lines))


def byte_spellings() -> list[str]:
    """Return the character that stands for each byte 0..255 in a byte-level tokenizer.json.

    Printable Latin-1 characters stand for themselves; the other 68 bytes, in order, are spelled
    by the characters from U+0100 on (GPT-2's convention).
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
