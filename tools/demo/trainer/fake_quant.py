"""MXFP4 rounding inside the forward pass, with a straight-through gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

BLOCK = 32


@torch.no_grad()
def mxfp4_round(weight: Tensor) -> Tensor:
    """Return `weight` rounded to MXFP4 in blocks of 32 along the last dimension.

    The scale of a block is the least power of two with max|w| / scale <= 6, so nothing is
    clipped; values go to the nearest of 0, .5, 1, 1.5, 2, 3, 4, 6 (ties to the even code).
    ``mxfp4.quantize`` does the same in numpy and packs the result.
    """
    blocks = weight.reshape(*weight.shape[:-1], -1, BLOCK)
    largest = blocks.abs().amax(-1, keepdim=True)
    mantissa, exponent = torch.frexp(largest)
    # largest = mantissa * 2^exponent, mantissa in [.5, 1): 6 = .75 * 2^3
    exponent = (exponent - 3 + (mantissa > 0.75).to(exponent.dtype)).clamp_(-126, 127)
    scale = torch.ldexp(torch.ones_like(largest), exponent)
    ratio = blocks / scale
    size = ratio.abs()
    step = torch.where(size < 2, 0.5, torch.where(size < 4, 1.0, 2.0))
    return (torch.round(ratio / step) * step * scale).reshape(weight.shape)


@contextmanager
def rounded(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Hold MXFP4-rounded values in `parameters` inside the block, the exact ones outside.

    Gradients taken inside belong to the rounded values; stepping outside applies them to the
    exact ones: a straight-through estimator that costs one rounding per step.
    """
    held = [(parameter, parameter.data) for parameter in parameters]
    for parameter, exact in held:
        parameter.data = mxfp4_round(exact)
    try:
        yield
    finally:
        for parameter, exact in held:
            parameter.data = exact
