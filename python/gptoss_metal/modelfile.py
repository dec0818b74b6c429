"""Ollama's Modelfiles, read into presets and written from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gptoss_metal.errors import Error
from gptoss_metal.parameters import Parameters, read_parameters, write_parameters
from gptoss_metal.preset import Preset
from gptoss_metal.store import SUFFIX

_WORD: Final = re.compile(r"\s*([A-Za-z]+)(?:[ \t]+|(?=\n)|$)")
_NOT_DONE: Final = {
    "TEMPLATE": "gpt-oss has one template, harmony",
    "ADAPTER": "adapters are not supported",
    "LICENSE": "the model's own license holds",
    "REQUIRES": "it names a version of Ollama",
    "RENDERER": "harmony has its own",
    "PARSER": "harmony has its own",
}


@dataclass
class _Draft:
    base: str = ""
    system: str | None = None
    messages: list[dict[str, str]] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse(text: str, name: str) -> Preset:
    """Reads a Modelfile.

    Args:
        text: FROM, SYSTEM, PARAMETER and MESSAGE are read; what others ask for becomes a note.
        name: of the preset.

    Raises:
        Error: no FROM, an unknown instruction, or a value that cannot be.
    """
    draft = _Draft()
    for line, word, value in _instructions(text):
        try:
            _take(draft, word, value)
        except Error as problem:
            raise Error(f"[modelfile] line {line}: {problem}") from None
    if not draft.base:
        raise Error("[modelfile] there is no FROM. Try: FROM gpt-oss-20b")
    return preset(name, draft.base, draft.parameters, draft.system, draft.messages, draft.notes)


def preset(
    name: str,
    base: str,
    parameters: Mapping[str, Any],
    system: str | None = None,
    messages: Sequence[Mapping[str, str]] = (),
    notes: Sequence[str] = (),
) -> Preset:
    """A preset with Ollama's parameters; unknown ones become notes.

    Raises:
        Error: a value that cannot be.
    """
    found = read_parameters(parameters)
    unknown = [f"PARAMETER {name} is ignored" for name in found.unknown]
    return Preset(
        name,
        base,
        system or None,
        tuple(messages),
        found.reasoning_effort,
        found.num_ctx,
        found.max_tokens,
        found.sampling,
        (*notes, *unknown),
    )


def read_file(path: str, name: str) -> Preset:
    """Reads a Modelfile from disk; a FROM that is a path counts from the file's folder.

    Raises:
        Error: the file cannot be read, or see `parse`.
    """
    file = Path(path).expanduser()
    try:
        found = parse(file.read_text("utf-8", "replace"), name)
    except OSError as problem:
        raise Error(f"[modelfile] cannot read {path}: {problem.strerror}. Try: another.") from None
    if found.base.startswith((".", "/", "~")) or found.base.endswith(SUFFIX):
        beside = (file.parent / Path(found.base).expanduser()).resolve()
        return Preset.from_json(name, {**found.as_json(), "base": str(beside)})
    return found


def render(found: Preset) -> str:
    """A Modelfile that `parse` reads back as this preset, its notes aside."""
    lines = [f"FROM {found.base}"]
    lines += [f"PARAMETER {key} {value}" for key, value in parameter_lines(found)]
    if found.reasoning_effort is not None:
        lines.append(f"PARAMETER reasoning_effort {found.reasoning_effort}")
    if found.system is not None:
        lines.append(f"SYSTEM {_quoted(found.system)}")
    for message in found.messages:
        lines.append(f"MESSAGE {message['role']} {_quoted(str(message.get('content') or ''))}")
    return "\n".join(lines) + "\n"


def parameter_lines(found: Preset) -> list[tuple[str, str]]:
    """Its parameters by Ollama's names, as a Modelfile writes them."""
    return write_parameters(Parameters(dict(found.sampling), found.num_ctx, found.max_tokens))


def _take(draft: _Draft, word: str, value: str) -> None:
    if word in _NOT_DONE:
        draft.notes.append(f"{word} is ignored: {_NOT_DONE[word]}")
        return
    if not value:
        raise Error(f"{word} has no value. Try: {word} …")
    if word == "FROM":
        draft.base = value
    elif word == "SYSTEM":
        draft.system = value
    elif word == "PARAMETER":
        name, _, rest = value.partition(" ")
        _parameter(draft.parameters, name.lower(), _unquoted(rest.strip()))
    elif word == "MESSAGE":
        role, _, rest = value.partition(" ")
        if role not in ("system", "user", "assistant"):
            raise Error(f"a MESSAGE of {role!r}. Try: system, user or assistant.")
        draft.messages.append({"role": role, "content": _unquoted(rest.strip())})
    else:
        raise Error(f"there is no instruction {word}. Try: FROM, SYSTEM, PARAMETER or MESSAGE.")


def _parameter(parameters: dict[str, Any], name: str, value: str) -> None:
    if name == "stop":
        parameters.setdefault("stop", []).append(value)
        return
    parameters[name] = _as_number(value)
    read_parameters({name: parameters[name]})


def _as_number(value: str) -> Any:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Line numbers, instructions in capitals, and their values without quotes."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    at = 0
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        whole = text[at:end].strip()
        if not whole or whole.startswith("#"):
            at = end + 1
            continue
        found = _WORD.match(text, at)
        if found is None:
            raise Error(f"[modelfile] line {line}: {whole[:60]!r} is no instruction. Try: FROM …")
        opening = text.find('"""', found.end(), end)
        if opening < 0:
            yield line, found[1].upper(), _unquoted(text[found.end() : end].strip())
            at = end + 1
            continue
        closing = text.find('"""', opening + 3)
        if closing < 0:
            raise Error(f'[modelfile] line {line}: """ is not closed. Try: """ at the end.')
        while text[closing + 3 : closing + 4] == '"':
            closing += 1  # the text itself ends with a quote
        head, body = text[found.end() : opening], text[opening + 3 : closing]
        yield line, found[1].upper(), f'{head}"{body}"' if head.strip() else body
        at = text.find("\n", closing)
        at = len(text) if at < 0 else at + 1


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value


def _quoted(text: str) -> str:
    return f'"""{text}"""'
