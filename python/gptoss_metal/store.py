"""Where models live, and what their names mean.

``$GPTOSS_METAL_HOME`` (default ``~/.gptoss-metal``) holds ``models/<name>.safetensors``,
``aliases/<name>.json``, the vocabulary, and the chat's history.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

from gptoss_metal.errors import Error

SUFFIX: Final = ".safetensors"
_HUBS: Final = re.compile(r"^(?:(?:hf\.co|huggingface\.co)/)?(?:openai/)?", re.IGNORECASE)
_ALIAS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHORT: Final = {"gpt-oss": "gpt-oss-20b"}


def home() -> Path:
    """The folder of everything gptoss-metal keeps; it need not exist yet."""
    chosen = os.environ.get("GPTOSS_METAL_HOME")
    return Path(chosen).expanduser() if chosen else Path.home() / ".gptoss-metal"


def canonical(name: str) -> str:
    """The store's form of a name.

    ``openai/gpt-oss-20b``, Ollama's ``gpt-oss:20b``, ``gpt-oss`` and ``gpt-oss:latest``, and
    ``gpt-oss-20b:latest`` are all ``gpt-oss-20b``.
    """
    bare = _HUBS.sub("", name).removesuffix(SUFFIX).removesuffix(":latest").replace(":", "-")
    return _SHORT.get(bare, bare)


def model_file(name: str) -> Path:
    """Where the store keeps the model of that name, e.g. ``gpt-oss-20b``.

    Raises:
        Error: the name is empty or would lead out of the store.
    """
    return home() / "models" / (_checked(name) + SUFFIX)


def alias_folder() -> Path:
    """Where aliases are kept; it need not exist yet."""
    return home() / "aliases"


def alias_file(name: str) -> Path:
    """Where the store keeps the alias of that name.

    Raises:
        Error: the name cannot be one.
    """
    if not can_be_alias(name):
        raise Error(
            f"[alias] {name[:80]!r} cannot be a name. "
            "Try: letters, digits, '.', '_' and '-', e.g. my-model."
        )
    return alias_folder() / f"{canonical(name)}.json"


def can_be_alias(name: str) -> bool:
    """Whether an alias may have this name."""
    return _ALIAS.fullmatch(canonical(name)) is not None and not name.endswith(SUFFIX)


def read_alias(file: Path) -> dict[str, Any] | None:
    """The values of an alias's file, with a string ``base``; None if there is no such file.

    Raises:
        Error: the file cannot be read, or holds something else.
    """
    try:
        values = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise Error(f"[alias] cannot read {file}: {problem.strerror}. Try: check it.") from None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("base"), str):
        raise Error(f"[alias] {file} is damaged. Try: gptoss-metal rm {file.stem}")
    return values


def is_name(given: str) -> bool:
    """Whether it can be a name of the store; otherwise it is a path."""
    bare = canonical(given)
    plain = bool(bare) and not any(sign in bare for sign in "/\\\0") and not bare.startswith(".")
    return plain and not given.endswith(SUFFIX)


def is_model(path_or_name: str) -> bool:
    """Whether it is a file, or the name of a model of the store."""
    if Path(path_or_name).expanduser().is_file():
        return True
    return is_name(path_or_name) and model_file(path_or_name).is_file()


def find(path_or_name: str | os.PathLike[str]) -> Path:
    """The model file meant by a path, by a name of the store, or by an alias.

    Raises:
        Error: there is no such file and no such name, or an alias stands for itself.
    """
    given, passed = os.fspath(path_or_name), list[str]()
    while (values := _alias(given)) is not None:
        passed.append(canonical(given))
        if canonical(values["base"]) in passed:
            circle = " → ".join([*passed, canonical(values["base"])])
            raise Error(f"[alias] {circle} is a circle. Try: gptoss-metal rm {passed[-1]}")
        given = values["base"]
    try:
        return _model(given)
    except Error as missing:
        if not passed:
            raise
        raise Error(f"[alias] {passed[-1]} stands for {given}: {missing}") from None


def _alias(given: str) -> dict[str, Any] | None:
    if is_model(given) or not can_be_alias(given):
        return None
    return read_alias(alias_file(given))


def _model(given: str) -> Path:
    if not given.strip():
        raise Error("[load] no model named. Try: a path, or a name such as gpt-oss-20b.")
    path = Path(given).expanduser()
    if path.is_file():
        return path
    named = is_name(given)
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


def _checked(name: str) -> str:
    bare = canonical(name)
    if not bare or bare.startswith(".") or "/" in bare or "\\" in bare or "\0" in bare:
        raise Error(
            f"[store] {name!r} is not a model name. "
            "Try: a plain name such as gpt-oss-20b, or a path with -o."
        )
    return bare


def _source(name: str) -> str:
    bare = canonical(name)
    return f"openai/{bare}" if bare in ("gpt-oss-20b", "gpt-oss-120b") else "SOURCE --name " + bare
