"""A model in memory, with all that lives and dies with it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gptoss_metal import _core
from gptoss_metal.engine.batch import Batch
from gptoss_metal.engine.disk.archive import Archive
from gptoss_metal.engine.disk.store import DiskStore
from gptoss_metal.engine.facts import Facts
from gptoss_metal.engine.footprint import Footprint
from gptoss_metal.engine.limits import Limits
from gptoss_metal.engine.memory import cache_budget
from gptoss_metal.engine.prefixes import Prefixes
from gptoss_metal.engine.stats import Counters
from gptoss_metal.engine.steps import Steps
from gptoss_metal.model import Model

_log = logging.getLogger(__name__)


class Loaded:
    """What the engine makes when it loads a model, and drops when it unloads it.

    Args:
        model: just loaded.
        limits: the engine's bounds.
        disk: where prefixes go; None to keep them in memory only.
        changed: called on any thread when there is something to do.
        counters: what to count.
        steps: where steps are noted.
    """

    def __init__(
        self,
        model: Model,
        limits: Limits,
        disk: DiskStore | None,
        changed: Callable[[], None],
        counters: Counters,
        steps: Steps,
    ) -> None:
        self.model = model
        core = model.core
        chunk = limits.chunk_on(core.backend)
        self.facts = _facts(model, limits, chunk)
        self.prefixes = Prefixes(core, _archive(disk, core), changed, counters)
        beside = limits.chunk_beside_on(core.backend)
        self.batch = Batch(core, self.facts, self.prefixes, chunk, beside, counters, steps)

    @property
    def cache_bytes(self) -> int:
        """Keys and values in memory."""
        return self.model.core.cache_bytes

    def close(self, seconds: float) -> None:
        """Frees everything; prefixes go to disk first.

        Args:
            seconds: the longest to wait for the disk; 0 writes nothing.
        """
        self.batch.close()
        if seconds > 0:
            self.prefixes.close(seconds)
        else:
            self.prefixes.abandon()


def _facts(model: Model, limits: Limits, chunk: int) -> Facts:
    context = min(model.context, limits.context or model.context)
    budget = limits.cache_bytes
    return Facts(
        footprint=Footprint.of(model.core, chunk),
        budget=cache_budget(model.info.file_bytes) if budget is None else budget,
        context=context,
        vocab=model.config.vocab_size,
        max_tokens=limits.max_tokens,
    )


def _archive(disk: DiskStore | None, core: _core.Model) -> Archive | None:
    if disk is None:
        return None
    try:
        return Archive(disk, core)
    except OSError as error:
        _log.warning("[cache] no disk cache in %s: %s", disk.folder, error.strerror)
        return None
