"""The shape of the demo model."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Shape of a gpt-oss model; what is not here is as in the published models.

    `rows` is the number of stored vocabulary rows, without the one shared row of the others.
    """

    rows: int
    layers: int = 4
    hidden: int = 192
    intermediate: int = 128
    experts: int = 8
    top_k: int = 4
    heads: int = 8
    kv_heads: int = 1
    head_dim: int = 64
    window: int = 64
    rope_theta: float = 150000.0
    rope_factor: float = 32.0
    rope_original: int = 4096
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    eps: float = 1e-5
    limit: float = 7.0
    alpha: float = 1.702

    def sliding(self, layer: int) -> bool:
        """Say whether a layer attends to the window only (even layers do)."""
        return layer % 2 == 0

    @property
    def concentration(self) -> float:
        """YaRN's factor on cos and sin, 0.1 ln(factor) + 1."""
        return 0.1 * math.log(self.rope_factor) + 1.0

    def inverse_frequencies(self) -> list[float]:
        """Return YaRN's head_dim/2 rotary frequencies in radians per position (not truncated)."""
        half = self.head_dim // 2

        def pair_of(turns: float) -> float:
            wavelength = self.rope_original / (turns * 2 * math.pi)
            return half * math.log(wavelength) / math.log(self.rope_theta)

        low, high = pair_of(self.beta_fast), pair_of(self.beta_slow)
        result = []
        for i in range(half):
            frequency = self.rope_theta ** (-i / half)
            ramp = min(max((i - low) / (high - low), 0.0), 1.0)
            result.append(frequency * (1 - ramp) + frequency / self.rope_factor * ramp)
        return result
