"""Where models live, and what their names mean.

``$GPTOSS_METAL_HOME`` (default ``~/.gptoss-metal``) holds ``models/<name>.safetensors``, the
vocabulary, and the chat's history.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from gptoss_metal.errors import Error

SUFFIX: Final = ".safetensors"


def home() -> Path:
    """The folder of everything gptoss-metal keeps; it need not exist yet."""
    chosen = os.environ.get("GPTOSS_METAL_HOME")
    return Path(chosen).expanduser() if chosen else Path.home() / ".gptoss-metal"


def model_file(name: str) -> Path:
    """Where the store keeps the model of that name, e.g. ``gpt-oss-20b``.

    Raises:
        Error: the name is empty or would lead out of the store.
    """
    bare = name.removeprefix("openai/").removesuffix(SUFFIX)
    if not bare or bare.startswith(".") or "/" in bare or "\\" in bare or "\0" in bare:
        raise Error(
            f"[store] {name!r} is not a model name. "
            "Try: a plain name such as gpt-oss-20b, or a path with -o."
        )
    return home() / "models" / (bare + SUFFIX)


def find(path_or_name: str | os.PathLike[str]) -> Path:
    """The model file meant by a path or by a name of the store.

    Raises:
        Error: there is no such file and no such name.
    """
    given = os.fspath(path_or_name)
    if not given.strip():
        raise Error("[load] no model named. Try: a path, or a name such as gpt-oss-20b.")
    path = Path(given).expanduser()
    if path.is_file():
        return path
    named = _is_name(given)
    if named and model_file(given).is_file():
        return model_file(given)  # also where a folder happens to have the name
    if path.is_dir():
        raise Error(
            f"[load] {given} is a directory, not a model file. Try: gptoss-metal convert {given}"
        )
    if not named:
        raise Error(
            f"[load] no such file: {given}. "
            "Try: check the path, or make the file with gptoss-metal convert."
        )
    missing = model_file(given)
    remedy = "make demo" if missing.stem == "demo" else f"gptoss-metal convert {_source(given)}"
    raise Error(f"[load] no model named {missing.stem} in {missing.parent}. Try: {remedy}")


def _is_name(given: str) -> bool:
    bare = given.removeprefix("openai/")
    plain = bool(bare) and "/" not in bare and "\\" not in bare and not bare.startswith(".")
    return plain and not bare.endswith(SUFFIX)


def _source(name: str) -> str:
    bare = name.removeprefix("openai/")
    return f"openai/{bare}" if bare in ("gpt-oss-20b", "gpt-oss-120b") else "SOURCE --name " + bare
