"""Build the core and the C example with other compilers and options than the package's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
INCLUDES: Final = [f"-I{ROOT}/csrc", f"-I{ROOT}/csrc/include"]
EXAMPLE: Final = ROOT / "examples" / "c" / "next_token.c"


def core_sources(*left_out: str) -> list[Path]:
    """The core's C++ files, less those whose names contain one of the given words."""
    return [
        path
        for folder in ("model", "runtime", "cpu")
        for path in sorted((ROOT / "csrc" / folder).glob("*.cpp"))
        if not any(word in path.name for word in left_out)
    ]
