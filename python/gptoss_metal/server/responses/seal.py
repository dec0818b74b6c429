"""Reasoning that stateless clients carry for the server, which they can neither read nor change."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gptoss_metal.server.problem import Problem

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"gptoss-metal reasoning 1"


class Seal:
    """Seals text with AES-256-GCM under a key of the server's own.

    Args:
        path: of the key: 32 random bytes, made when it is first needed, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def close(self, text: str) -> str:
        """The text, sealed: base64 of nonce, ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode("utf-8", "replace"), _PURPOSE)
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str, where: str) -> str:
        """The text again.

        Args:
            sealed: what `close` returned.
            where: the request's field, for the problem.

        Raises:
            Problem: it was not sealed by this server, or was changed since.
        """
        try:
            data = base64.urlsafe_b64decode(sealed.encode())
            nonce, body = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            return self._cipher.decrypt(nonce, body, _PURPOSE).decode("utf-8")
        except (InvalidTag, binascii.Error, ValueError):
            raise Problem(
                f"[serve] {where} could not be verified: this server did not write it, or it was "
                "changed. Try: leave the reasoning item out, or send its content.",
                code="invalid_encrypted_content",
                param=where,
            ) from None

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(_key(self._path))


def _key(path: Path) -> bytes:
    try:
        key = path.read_bytes() if path.exists() else _made(path)
    except OSError as problem:
        raise Problem(
            f"[serve] {path.name} cannot be read or written: {problem.strerror}. "
            "Try: set GPTOSS_METAL_HOME to a folder that can be written to.",
            "internal",
        ) from None
    if len(key) != KEY_BYTES:
        raise Problem(
            f"[serve] {path.name} is no key: it has {len(key)} bytes, not {KEY_BYTES}. "
            "Try: delete it; a new one is made.",
            "internal",
        )
    return key


def _made(path: Path) -> bytes:
    """A new key, complete when it appears; another server's if that was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(secrets.token_bytes(KEY_BYTES))
        os.link(draft, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        Path(draft).unlink()
    return path.read_bytes()
