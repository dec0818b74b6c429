"""Muon: momentum whose update is made orthogonal (Jordan et al. 2024), for stacks of matrices."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Newton-Schulz coefficients of the published method: five steps take singular values in (0, 1]
# to about 1.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonalized(update: Tensor) -> Tensor:
    """Return the nearest (semi-)orthogonal matrices of a stack [..., rows, columns], roughly."""
    a, b, c = COEFFICIENTS
    tall = update.shape[-2] > update.shape[-1]
    x: Tensor = update.mT if tall else update
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Muon with decoupled weight decay; updates have the root mean square 0.2 of Adam's.

    The factor 0.2 sqrt(max(rows, columns)) lets it share AdamW's learning rate (Liu et al. 2025).
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], weight_decay: float, momentum: float = 0.95
    ) -> None:
        """Take parameters of two dimensions, or three: a stack of matrices."""
        super().__init__(
            parameters, {"lr": 0.0, "weight_decay": weight_decay, "momentum": momentum}
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Apply one update from the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalized(parameter.grad.lerp(momentum, group["momentum"]))
                size = 0.2 * max(update.shape[-2:]) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * size)
