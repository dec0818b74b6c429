"""What a folder holds, to be compared."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gptoss_metal.tools.apply_patch import plan


def held(folder: Path) -> dict[str, object]:
    """Every path below a folder: a file's bytes and rights, a link's target, None for folders."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        else:
            found[name] = None
    return found


def patched(folder: Path, *lines: str) -> str:
    """Applies a patch of these lines, its first and last ones added."""
    return plan("\n".join(["*** Begin Patch", *lines, "*** End Patch"]), folder).apply()


def after(before: str, *hunk: str, folder: Path) -> str:
    """A file's text after an update of these lines."""
    (folder / "f.txt").write_bytes(before.encode())
    patched(folder, "*** Update File: f.txt", *hunk)
    return (folder / "f.txt").read_bytes().decode()
