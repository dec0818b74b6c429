"""The safetensors files of a checkpoint directory, with an index or without."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from .checkpoint import Entry, SafetensorsFile, read_header
from .failure import failure, os_failure

SHARD: Final = re.compile(r"(.*-)(\d+)(-of-)(\d+)(\.safetensors)")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        Error: no such file, not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        remedy = "a directory with a complete gpt-oss checkpoint"
        raise os_failure(f"cannot read {path}", error, remedy) from error
    except ValueError as error:
        raise failure(f"{path} is not valid JSON ({error})", "download it again") from error
    if not isinstance(value, dict):
        raise failure(f"{path} does not hold a JSON object", "download it again")
    return value


def open_shards(directory: Path, pattern: str) -> list[SafetensorsFile]:
    """Read the headers of the checkpoint's files, in the order of their names.

    The files are those that ``model.safetensors.index.json`` names, else those that match
    ``pattern``.

    Raises:
        Error: no file, one that is missing, or one that is damaged.
    """
    index = directory / "model.safetensors.index.json"
    if index.exists():
        return _indexed(directory, index)
    paths = sorted(directory.glob(pattern))
    if not paths:
        raise failure(
            f"{directory} has no {pattern} file", "a directory with a safetensors checkpoint"
        )
    names = {path.name for path in paths}
    for name in sorted(names):
        if match := SHARD.fullmatch(name):
            head, digits, of, count, tail = match.groups()
            for number in range(1, int(count) + 1):
                _expect(directory, f"{head}{number:0{len(digits)}}{of}{count}{tail}", names)
    return [read_header(path) for path in paths]


def _indexed(directory: Path, index: Path) -> list[SafetensorsFile]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise failure(f"{index} has no weight_map", "download it again")
    wanted = {str(name) for name in weight_map.values()}
    if bad := [name for name in wanted if Path(name).name != name]:
        raise failure(f"{index} names a file outside its folder: {bad[0]}", "download it again")
    present = {name for name in wanted if (directory / name).exists()}
    for name in sorted(wanted):
        _expect(directory, name, present)
    files = {name: read_header(directory / name) for name in sorted(wanted)}
    for tensor, name in weight_map.items():
        if tensor not in files[str(name)].entries:
            raise failure(
                f"{directory / str(name)} lacks tensor {tensor!r}, which {index.name} places there",
                "download both again",
            )
    return list(files.values())


def _expect(directory: Path, name: str, present: set[str]) -> None:
    if name not in present:
        raise failure(f"shard {name} is missing in {directory}", "download the missing file")


def all_entries(files: list[SafetensorsFile]) -> dict[str, Entry]:
    """Return the tensors of all files by name.

    Raises:
        Error: two files hold a tensor of the same name.
    """
    entries: dict[str, Entry] = {}
    for file in files:
        for name, entry in file.entries.items():
            if name in entries:
                raise failure(
                    f"{entry} is in {entries[name].path.name} too", "remove the file that is stale"
                )
            entries[name] = entry
    return entries
