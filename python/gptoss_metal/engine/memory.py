"""How much memory keys and values may take on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

MARGIN: Final = 1 << 30
"""Bytes left to everything else."""
LEAST: Final = 256 << 20
"""Bytes of cache even where the model alone is too large: its weights are a mapped file, and the
system may drop its pages and read them again."""
_GROUPS: Final = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def cache_budget(model_bytes: int) -> int:
    """Bytes of cache beside a model file of that size, if nobody says otherwise."""
    return max(LEAST, available() - model_bytes - MARGIN)


def available() -> int:
    """Bytes that programs can take now, file caches included.

    On a Mac three quarters of the memory (``hw.memsize``): what the GPU may use. Elsewhere what
    Linux reports as available, within the limit of the control group.
    """
    if sys.platform == "darwin":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4
    return min([_meminfo("MemAvailable"), *(_room(*paths) for paths in _GROUPS)])


def _meminfo(name: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _room(limit: str, used: str) -> int:
    """What a control group leaves; file caches count as used there, so half of it at least."""
    try:
        most = int(Path(limit).read_text())
        now = int(Path(used).read_text())
    except (OSError, ValueError):  # no such group, or "max"
        return sys.maxsize
    return max(most - now, most // 2)
