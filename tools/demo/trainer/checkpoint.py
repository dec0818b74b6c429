"""Training checkpoints: exact float32 weights, the shape, and the ids of the stored rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from .config import Config
from .data import Rows
from .model import DemoModel


def save(path: Path, model: DemoModel, rows: Rows) -> None:
    """Write a checkpoint (atomically)."""
    partial = path.with_suffix(".part")
    config = dataclasses.asdict(model.config)
    torch.save({"config": config, "ids": rows.ids, "weights": model.state_dict()}, partial)
    partial.replace(path)


def load(path: Path) -> tuple[DemoModel, Rows]:
    """Read a checkpoint."""
    state = torch.load(path, weights_only=True)
    model = DemoModel(Config(**state["config"]))
    model.load_state_dict(state["weights"])
    return model, Rows(state["ids"])
