"""The random models of the Metal tests: those of the logits tests that fit in seconds."""

from __future__ import annotations

from tests.logits import cases

SHAPES = cases.SHAPES[:6]
