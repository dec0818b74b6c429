"""Change the header of a model file in place, to plant faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the JSON header; the data stays where it is, so the header keeps its length."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    if len(text) > length:
        text = json.dumps(header, separators=(",", ":")).encode()
    assert len(text) <= length, "the header has no room for this change"
    path.write_bytes(content[:8] + text.ljust(length) + content[8 + length :])


def edit_config(path: Path, **changes: Any) -> None:
    """Replace members of the config; a value of None removes the member."""

    def change(header: dict[str, Any]) -> None:
        config = json.loads(header["__metadata__"]["config"])
        config.update(changes)
        kept = {key: value for key, value in config.items() if value is not None}
        header["__metadata__"]["config"] = json.dumps(kept)

    edit(path, change)
