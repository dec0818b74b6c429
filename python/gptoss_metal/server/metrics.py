"""Counts and times of a server, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.registry import Collector

from gptoss_metal.engine.stats import Stats
from gptoss_metal.events import Done, Usage
from gptoss_metal.server.raw import RawDone

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = ("loading", "ready", "unloaded", "stopping", "failed")
_FIRST: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120)
_GAP: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_COUNTS: Final = {
    "failed": "Streams that ended with an error.",
    "cancelled": "Streams whose readers wanted no more.",
    "refused": "Generations refused for want of a place or of memory.",
    "prefix_hits": "Prompts that went on from a stored prefix.",
    "prefix_disk_hits": "Prefixes read from disk.",
    "disk_errors": "Prefixes that could not be written to disk.",
    "steps": "Forward passes.",
    "step_seconds": "Time of all forward passes.",
    "loads": "How often the model was loaded.",
    "crashes": "Errors that the engine did not expect.",
}
_GAUGES: Final = {
    "running": "Sequences being computed.",
    "waiting": "Generations that wait for a slot or for memory.",
    "cache_bytes": "Keys and values in memory, of running sequences and of prefixes.",
    "cache_limit": "The most bytes they may take.",
    "prefix_entries": "Prefixes in memory.",
    "prefix_cold_entries": "Prefixes on disk only.",
    "disk_bytes": "Of the prefixes on disk.",
}
T = TypeVar("T")


class Metrics:
    """The metrics of one server, in a registry of their own.

    Args:
        stats: the engine's numbers, asked for whenever somebody looks.
    """

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_EngineCollector(stats))
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "gptoss_metal_requests_total",
            "HTTP requests, by API and status.",
            ("api", "status"),
            registry=self.registry,
        )
        self._prompt = self._tokens("prompt", "Tokens of prompts.")
        self._cached = self._tokens("cached", "Tokens of prompts that were in the cache.")
        self._generated = self._tokens("generated", "Generated tokens.")
        self._reasoning = self._tokens("reasoning", "Generated tokens that were reasoning.")
        self._first = Histogram(
            "gptoss_metal_time_to_first_token_seconds",
            "From the request to the first piece of its answer.",
            buckets=_FIRST,
            registry=self.registry,
        )
        self._gaps = Histogram(
            "gptoss_metal_inter_token_seconds",
            "Between two pieces of an answer.",
            buckets=_GAP,
            registry=self.registry,
        )

    async def watch(self, events: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The same events, counted."""
        last = time.perf_counter()
        first = True
        async with aclosing(events):
            async for event in events:
                now = time.perf_counter()
                (self._first if first else self._gaps).observe(now - last)
                last, first = now, False
                if isinstance(event, Done | RawDone):
                    self.count(event.usage)
                yield event

    def count(self, usage: Usage) -> None:
        """Counts the tokens of a generation."""
        self._prompt.inc(usage.prompt_tokens)
        self._cached.inc(usage.cached_tokens)
        self._generated.inc(usage.completion_tokens)
        self._reasoning.inc(usage.reasoning_tokens)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _tokens(self, kind: str, what: str) -> Counter:
        return Counter(f"gptoss_metal_{kind}_tokens_total", what, registry=self.registry)


class _EngineCollector(Collector):
    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """The engine's numbers as they are now."""
        stats = self._stats()
        for name, what in _COUNTS.items():
            yield CounterMetricFamily(f"gptoss_metal_{name}", what, getattr(stats, name))
        for name, what in _GAUGES.items():
            yield GaugeMetricFamily(f"gptoss_metal_{name}", what, getattr(stats, name))
        states = {state: stats.state == state for state in STATES}
        yield StateSetMetricFamily("gptoss_metal_state", "Of the engine.", states)
