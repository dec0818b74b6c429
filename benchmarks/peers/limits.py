"""What the machine can do at this minute: read bandwidth and arithmetic, by loops of our own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Final

from gptoss_metal import _core

from .build import FOLDER, HERE, native

BUFFER_BYTES: Final = 1 << 30
TRIALS: Final = 3


@dataclass(frozen=True)
class Limits:
    """Of all threads together; a multiply-add is two operations."""

    read_gbs: float
    """10^9 bytes per second."""
    float32_gflops: float
    int8_gops: float
    isa: str


def measure(threads: int) -> Limits:
    """Measure all three, which takes a few seconds; each is the best of several trials.

    Raises:
        Error: there is no C++ compiler.
    """
    program = native(HERE / "limits.cpp", FOLDER / "limits")
    command = [str(program), str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(output)
    read = max(_core.read_bandwidth(threads, BUFFER_BYTES) for _ in range(TRIALS))
    return Limits(read, found["float32_gflops"], found["int8_gops"], found["isa"])
