"""What the engine has done and holds: the numbers of ``/metrics``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["loading", "ready", "unloaded", "stopping", "failed"]


@dataclass(frozen=True)
class Stats:
    """Counters since the engine was made, and what there is now.

    Attributes:
        state: of the engine.
        running: sequences being computed.
        waiting: requests that wait for a slot or for memory.
        requests: all that were taken on.
        refused: requests refused with Busy or NoRoom.
        failed: streams that ended with an error.
        cancelled: streams whose readers wanted no more.
        generated_tokens: sampled tokens.
        prefilled_tokens: prompt tokens that were computed.
        cached_tokens: prompt tokens that were not computed, as a stored prefix had them.
        prefix_hits: requests that went on from a stored prefix.
        prefix_disk_hits: how often a prefix was read from disk.
        prefix_entries: prefixes in memory.
        prefix_cold_entries: prefixes on disk only.
        cache_bytes: keys and values in memory, of running sequences and of prefixes.
        cache_peak: the most they ever took.
        cache_limit: the most they may take; 0 until the model was loaded once.
        disk_bytes: of the disk store; 0 without one.
        disk_errors: prefixes that could not be written.
        steps: forward passes.
        step_seconds: time they took together.
        step_p50: seconds of a step, the median of the recent ones.
        step_p99: seconds within which 99 of 100 recent steps were computed.
        loads: how often the model was loaded.
        crashes: how often the engine threw everything away after an error it did not expect.
    """

    state: State
    running: int = 0
    waiting: int = 0
    requests: int = 0
    refused: int = 0
    failed: int = 0
    cancelled: int = 0
    generated_tokens: int = 0
    prefilled_tokens: int = 0
    cached_tokens: int = 0
    prefix_hits: int = 0
    prefix_disk_hits: int = 0
    prefix_entries: int = 0
    prefix_cold_entries: int = 0
    cache_bytes: int = 0
    cache_peak: int = 0
    cache_limit: int = 0
    disk_bytes: int = 0
    disk_errors: int = 0
    steps: int = 0
    step_seconds: float = 0.0
    step_p50: float = 0.0
    step_p99: float = 0.0
    loads: int = 0
    crashes: int = 0


@dataclass
class Counters:
    """The part of `Stats` that only grows, and survives an unload."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    cancelled: int = 0
    generated_tokens: int = 0
    prefilled_tokens: int = 0
    cached_tokens: int = 0
    prefix_hits: int = 0
    prefix_disk_hits: int = 0
    cache_peak: int = 0
    disk_errors: int = 0
    loads: int = 0
    crashes: int = 0
