"""Counts and times of a server, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from gptoss_metal.events import Done, Event, Usage

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FIRST: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120)
_GAP: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
            "gptoss_metal_time_to_first_event_seconds",
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

    async def watch(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The same events, counted."""
        last = time.perf_counter()
        first = True
        async with aclosing(events):
            async for event in events:
                now = time.perf_counter()
                (self._first if first else self._gaps).observe(now - last)
                last, first = now, False
                if isinstance(event, Done):
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
