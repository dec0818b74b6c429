"""Attempts to leave the sandbox, or to take more than it gives.

An attack runs in the kernel with the outside's paths and numbers as variables; what it finds it
writes to the file ``loot`` in its work folder. Whether it was a breach is decided from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.tools.python.attacks import bombs, files, network, processes, rights
from tests.tools.python.attacks.attack import Attack

ATTACKS: Sequence[Attack] = (
    *network.ATTACKS,
    *files.ATTACKS,
    *processes.ATTACKS,
    *bombs.ATTACKS,
    *rights.ATTACKS,
)
