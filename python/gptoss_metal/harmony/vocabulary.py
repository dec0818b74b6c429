"""Text to tokens and back, with the vocabulary of the model file and without a network.

openai-harmony reads its vocabulary from a file in the folder ``TIKTOKEN_ENCODINGS_BASE``. The model
file carries those bytes; they are written once to ``$GPTOSS_METAL_HOME/vocabulary``.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gptoss_metal.errors import Error
from gptoss_metal.harmony import tokens as t
from gptoss_metal.store import home

if TYPE_CHECKING:
    from openai_harmony import HarmonyEncoding

FILE_NAME: Final = "o200k_base.tiktoken"
SHA256: Final = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


class Vocabulary:
    """The o200k_harmony encoding: 199,998 ordinary tokens and harmony's specials."""

    def __init__(self, path: Path, ranks: list[bytes], encoding: HarmonyEncoding) -> None:
        self.path = path
        """The ``o200k_base.tiktoken`` it was read from."""
        self.encoding = encoding
        """openai-harmony's encoding of it."""
        self._ranks = ranks

    def token_bytes(self, token: int) -> bytes:
        """Bytes of an ordinary token, perhaps only a part of a character; none for specials."""
        if not 0 <= token < t.ORDINARY:
            return b""
        return base64.b64decode(self._ranks[token].partition(b" ")[0])

    def text(self, tokens: Iterable[int]) -> str:
        """Text of tokens; specials are written out (``<|end|>``), broken characters are U+FFFD."""
        pieces = (
            self.token_bytes(id_) if 0 <= id_ < t.ORDINARY else t.name(id_).encode()
            for id_ in tokens
        )
        return b"".join(pieces).decode("utf-8", "replace")

    def encode(self, text: str, *, specials: bool = False) -> list[int]:
        """Tokens of a text.

        Args:
            text: any string; lone surrogates become U+FFFD.
            specials: read ``<|start|>`` and the like as special tokens, not as text.
        """
        clean = well_formed(text)
        allowed = set(t.NAMES.values()) if specials else set()
        ids: list[int] = self.encoding.encode(clean, allowed_special=allowed, disallowed_special=())
        return ids


def well_formed(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot carry, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def open_vocabulary(data: bytes | None, model: str) -> Vocabulary:
    """The vocabulary of a model file.

    Args:
        data: the file's ``tokenizer.o200k_base``, or None if it has none.
        model: the model's path, for the message.

    Raises:
        Error: the model has no vocabulary, or another one than gpt-oss, or it cannot be written.
    """
    if data is None:
        raise Error(
            f"[vocabulary] {model} carries no tokenizer, so text cannot be read or written. "
            "Try: convert the checkpoint again with its tokenizer.json, or pass token ids."
        )
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise Error(
            f"[vocabulary] {model} carries another vocabulary than gpt-oss's o200k_base. "
            "Try: convert the checkpoint again."
        )
    path = home() / "vocabulary" / FILE_NAME
    _write_once(path, data)
    return _load(path)


def _write_once(path: Path, data: bytes) -> None:
    try:
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=FILE_NAME)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise Error(
            f"[vocabulary] cannot write {path}: {problem.strerror}. "
            "Try: set GPTOSS_METAL_HOME to a folder you may write to."
        ) from None


@functools.cache
def _load(path: Path) -> Vocabulary:
    os.environ["TIKTOKEN_ENCODINGS_BASE"] = str(path.parent)
    import openai_harmony

    try:
        encoding = openai_harmony.load_harmony_encoding("HarmonyGptOss")
    except openai_harmony.HarmonyError as problem:
        raise Error(
            f"[vocabulary] openai-harmony cannot read {path}: {_first_line(problem)}. "
            "Try: delete that file; it is written again."
        ) from None
    return Vocabulary(path, path.read_bytes().splitlines(), encoding)


def _first_line(problem: BaseException) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]
