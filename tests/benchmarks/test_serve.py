"""What the server benchmark calls throughput."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.serve import Told, rate

STEP = 0.3
"""Seconds of a step."""
BETWEEN = 0.0002
"""Seconds from one stream's token of a step to the next stream's."""


def together(streams: int, tokens: int) -> list[Told]:
    """Streams that begin one step after the other; every step gives each one token, in order."""
    steps = [STEP * (number + np.arange(tokens)) + BETWEEN * number for number in range(streams)]
    return [Told("", times.tolist(), tokens) for times in steps]


@pytest.mark.parametrize("streams", [1, 2, 8])
@pytest.mark.parametrize("tokens", [16, 32])
def test_one_token_of_each_stream_per_step(streams: int, tokens: int) -> None:
    """Also those of the step in which the first stream ends, which come after its last one."""
    assert rate(together(streams, tokens)) == pytest.approx(streams / STEP, rel=1e-9)


def test_pieces_of_several_tokens() -> None:
    (told,) = together(1, 32)
    assert rate([Told("", told.times[::2], 32)]) == pytest.approx(1 / STEP, rel=0.05)


def test_streams_that_hardly_overlap() -> None:
    with pytest.raises(SystemExit, match="Try: more --tokens"):
        rate(together(8, 8))
