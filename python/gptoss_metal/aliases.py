"""Names of one's own: each is a small JSON file in the store's folder ``aliases``."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from gptoss_metal import store
from gptoss_metal.errors import Error
from gptoss_metal.preset import Preset


def read(name: str) -> Preset | None:
    """The alias as it was created, or None if there is none of that name.

    Raises:
        Error: the name cannot be one, or its file is damaged.
    """
    file = store.alias_file(name)
    values = store.read_alias(file)
    return None if values is None else Preset.from_json(file.stem, values)


def names() -> list[str]:
    """The names of all aliases, sorted."""
    return sorted(path.stem for path in store.alias_folder().glob("*.json"))


def resolve(name: str) -> Preset:
    """What a path or name stands for, all its bases followed.

    Returns:
        A preset whose base is a model's name or file; for a model itself, one without defaults.

    Raises:
        Error: a base is missing, or an alias stands for itself.
    """
    store.find(name)  # knows which of path, model and alias it is, and that the chain ends
    found = Preset(name, name)
    while not store.is_model(found.base):
        below = read(found.base)
        if below is None:
            break  # it was removed just now
        found = found.over(below)
    return found


def save(preset: Preset, *, overwrite: bool = False) -> Path:
    """Keeps an alias; another process sees the old file or the new one, never half of it.

    Raises:
        Error: the name cannot be one or is taken, the base is missing, or it would stand for
            itself.
    """
    file = store.alias_file(preset.name)
    if store.model_file(preset.name).is_file():
        raise Error(f"[alias] {file.stem} is a model. Try: another name.")
    if file.exists() and not overwrite:
        raise Error(f"[alias] {file.stem} exists. Try: another name, or --overwrite.")
    store.find(preset.base)
    if file.stem in chain(preset.base):
        raise Error(f"[alias] {file.stem} would stand for itself. Try: another base.")
    text = json.dumps(preset.as_json(), ensure_ascii=False, indent=1) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=file.parent, prefix=".")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as out:
                out.write(text)
            os.replace(draft, file)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as problem:
        raise Error(f"[alias] cannot write {file}: {problem.strerror}. Try: check it.") from None
    return file


def remove(name: str) -> None:
    """Forgets an alias; the model it stands for stays.

    Raises:
        Error: there is no such alias.
    """
    file = store.alias_file(name)
    try:
        file.unlink()
    except FileNotFoundError:
        if store.model_file(name).is_file():
            what, remedy = f"{file.stem} is a model", f"delete {store.model_file(name)} yourself"
        else:
            what, remedy = f"there is no alias {file.stem}", "gptoss-metal list"
        raise Error(f"[alias] {what}. Try: {remedy}") from None


def chain(name: str) -> list[str]:
    """The aliases that lead from a path or name to its model file; empty for a model."""
    passed: list[str] = []
    while not store.is_model(name):
        values = store.read_alias(store.alias_file(name))
        if values is None:
            break
        passed.append(store.alias_file(name).stem)
        name = values["base"]
    return passed


def served(name: str, served_names: Iterable[str], path: str | os.PathLike[str]) -> Preset | None:
    """What a server understands by a client's name for a model.

    Args:
        name: as the client wrote it; ``gpt-oss:20b`` and ``gpt-oss-20b:latest`` are
            ``gpt-oss-20b``.
        served_names: what the server calls its model.
        path: the file it serves.

    Returns:
        The defaults, none if the name is just the model's; or None if it is neither one of
        the server's names nor an alias of its model.

    Raises:
        Error: an alias has one of the server's names, and is damaged.
    """
    known = store.canonical(name) in map(store.canonical, served_names)
    if store.can_be_alias(name):
        try:
            if read(name) is not None and os.path.samefile(store.find(name), path):
                return resolve(name)
        except (Error, OSError):  # an alias that leads nowhere is none of this model
            if known:
                raise
    return Preset(name, os.fspath(path)) if known else None


def served_names(own: Sequence[str], path: str | os.PathLike[str]) -> list[str]:
    """What clients of a server may call its model: its own names, then aliases of its file."""
    known = {store.canonical(name) for name in own}
    others = [name for name in names() if name not in known]
    return [*own, *(name for name in others if served(name, (), path) is not None)]
