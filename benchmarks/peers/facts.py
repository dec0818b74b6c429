"""When and where something was measured."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path
from typing import Any


def facts_of_run(shape: str, threads: int) -> dict[str, Any]:
    """Return when and where this was measured."""
    return {
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "shape": shape,
        "threads": threads,
        "processor": processor(),
        "system": platform.platform(),
    }


def processor() -> str:
    """Return the processor's name as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
