"""The engine: one thread owns the device; requests meet it through a queue.

>>> from gptoss_metal.engine import Engine, Job
>>> engine = Engine(lambda: Model.load("demo"))
>>> engine.start()
>>> for sampled in engine.submit(Job(prompt)):
...     print(sampled.id)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gptoss_metal.engine.disk.store import DiskStore
    from gptoss_metal.engine.engine import Engine
    from gptoss_metal.engine.job import Job
    from gptoss_metal.engine.limits import Limits
    from gptoss_metal.engine.refusals import Busy, NoRoom, Unavailable
    from gptoss_metal.engine.stats import State, Stats
    from gptoss_metal.engine.stream import Stream

__all__ = [
    "Busy",
    "DiskStore",
    "Engine",
    "Job",
    "Limits",
    "NoRoom",
    "State",
    "Stats",
    "Stream",
    "Unavailable",
]

_HOMES: Final = {
    "Busy": "refusals",
    "DiskStore": "disk.store",
    "Engine": "engine",
    "Job": "job",
    "Limits": "limits",
    "NoRoom": "refusals",
    "State": "stats",
    "Stats": "stats",
    "Stream": "stream",
    "Unavailable": "refusals",
}


def __getattr__(name: str) -> Any:
    """Imports names when they are first used: the token loop needs the constraint alone."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
