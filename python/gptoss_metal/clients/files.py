"""Configuration files: ours beside what a user already has, and never without a copy of that."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gptoss_metal.errors import Error

BACKUP: Final = ".before-gptoss-metal"
IDENTITIES: Final = ("name", "model_id")
"""The keys by which two entries of a list are the same one."""
PRIVATE: Final = 0o600  # a key may stand in it


@dataclass(frozen=True)
class File:
    """A configuration file.

    Attributes:
        path: where the client reads it. The suffix, ``.json``, ``.yaml`` or ``.toml``, says how.
        content: text that is the whole file; or values (JSON or YAML) that are put among those
            which the file already has.
    """

    path: Path
    content: str | Mapping[str, Any] | Sequence[Any]

    def text(self) -> str:
        """What the file says if there is none yet."""
        return self.content if isinstance(self.content, str) else _dump(self.path, self.content)

    def write(self) -> Path | None:
        """Writes the file, all of it or nothing.

        Returns:
            The copy made of what was there and has been changed; None if nothing was.

        Raises:
            Error: what is there cannot be read, so ours cannot be put among it.
        """
        path = self.path.resolve()  # a link stays a link
        before = _read(path)
        after = self.text() if before is None else self._among(before)
        if after == before:
            return None
        copy = None if before is None else _copy(path)
        _replace(path, after)
        return copy

    def _among(self, before: str) -> str:
        if isinstance(self.content, str):
            return self.content
        there = _load(self.path, before)
        if there is None:
            return self.text()
        merged = merge(there, self.content)
        return before if merged == there else _dump(self.path, merged)


def merge(there: Any, ours: Any) -> Any:
    """Puts our values among those that are there; where both say something, ours stays.

    Objects are merged key by key. Of lists, entries with the same name are merged, others added.
    """
    if isinstance(there, Mapping) and isinstance(ours, Mapping):
        return {**there, **{key: merge(there.get(key), value) for key, value in ours.items()}}
    if isinstance(there, list) and isinstance(ours, list | tuple):
        merged = list(there)
        for entry in ours:
            place = next((i for i, old in enumerate(merged) if _same(old, entry)), None)
            if place is None:
                merged.append(entry)
            else:
                merged[place] = merge(merged[place], entry)
        return merged
    return ours


def _same(one: Any, other: Any) -> bool:
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return bool(one == other)
    return any(key in one and one.get(key) == other.get(key) for key in IDENTITIES)


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise _unreadable(path, "not UTF-8 text") from None


def _load(path: Path, text: str) -> Any:
    import yaml

    try:
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        kind = "plain JSON (comments?)" if path.suffix == ".json" else "YAML"
        raise _unreadable(path, f"not {kind}") from None
    if found is not None and not isinstance(found, dict | list):
        raise _unreadable(path, "no configuration")
    return found


def _unreadable(path: Path, why: str) -> Error:
    return Error(
        f"[config] {path} is {why}, so nothing can be added to it. "
        "Try: --print, and add what it prints by hand."
    )


def _dump(path: Path, values: Any) -> str:
    if path.suffix == ".json":
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    import yaml

    dumped = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    assert isinstance(dumped, str)
    return dumped


def _copy(path: Path) -> Path:
    """Copies a file to a name beside it that is free; returns that."""
    number = 1
    while True:
        copy = path.with_name(path.name + BACKUP + (f".{number}" if number > 1 else ""))
        try:
            handle = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        except FileExistsError:
            number += 1
            continue
        with open(handle, "wb") as out:
            out.write(path.read_bytes())
        return copy


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else PRIVATE
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
