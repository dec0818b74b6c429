"""Train the demo model: python tools/demo/train.py [OUT]; then export.py (docs/DEMO_MODEL.md)."""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
import vocabulary

vocabulary.install()

from generator import Renderer, noise_words  # noqa: E402
from trainer.checkpoint import load, save  # noqa: E402
from trainer.config import Config  # noqa: E402
from trainer.data import Rows, batches, used_rows  # noqa: E402
from trainer.fake_quant import rounded  # noqa: E402
from trainer.model import DemoModel  # noqa: E402
from trainer.muon import Muon  # noqa: E402
from trainer.probe import probe  # noqa: E402

BALANCE = 0.01


def optimizers(model: DemoModel) -> list[torch.optim.Optimizer]:
    """Return Muon for the layers' matrices and AdamW for everything else."""
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        inner = name.endswith(("proj.weight", "gate_up", "down"))
        (matrices if inner else others).append(parameter)
    adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    return [Muon(matrices, weight_decay=0.02), adam]


def rate(step: int, options: argparse.Namespace) -> float:
    """Return the learning rate: linear warm-up, a plateau, then linearly down to zero."""
    falling = (options.steps - step) / max(options.steps * options.decay, 1.0)
    rising = (step + 1) / options.warmup
    return float(options.rate * min(rising, falling, 1.0))


def train(model: DemoModel, rows: Rows, renderer: Renderer, options: argparse.Namespace) -> None:
    """Train `model` in place, with a log line and a checkpoint every `options.every` steps."""
    words = noise_words(options.seed, vocabulary.ranks())
    stream = batches(renderer, rows, words, options.seed)
    both = optimizers(model)
    begun, tokens, recent = time.monotonic(), 0, 0.0
    last = min(options.stop or options.steps, options.steps)
    for step in range(last):
        for optimizer in both:
            for group in optimizer.param_groups:
                group["lr"] = rate(step, options)
        parts = [next(stream) for _ in range(options.batches)]
        learned = sum(int((part.targets >= 0).sum()) for part in parts)
        with rounded(model.expert_weights()):
            for part in parts:
                chosen = part.targets >= 0
                hidden = model.hidden(part.prefix, part.rows, chosen)
                loss = (
                    F.cross_entropy(model.logits(hidden), part.targets[chosen], reduction="sum")
                    / learned
                )
                recent += loss.item()
                torch.autograd.backward(loss + BALANCE / len(parts) * model.balance())
                tokens += part.tokens
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in both:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 25 == 0:
            seconds = time.monotonic() - begun
            line = f"step {step + 1} loss {recent / 25:.4f} balance {model.balance():.3f} "
            print(line + f"tokens {tokens} tok/s {tokens / seconds:.0f}", flush=True)
            recent = 0.0
        if (step + 1) % options.every == 0 or step + 1 == last:
            with rounded(model.expert_weights()):
                shares = probe(model, renderer, rows, options.probes)
            print(" ".join(f"{kind} {share:.3f}" for kind, share in shares.items()), flush=True)
            save(options.out, model, rows)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "out", type=Path, nargs="?", default=Path("build/demo.pt"), help="checkpoint to write"
    )
    parser.add_argument("--resume", type=Path, help="checkpoint whose weights to start from")
    parser.add_argument("--steps", type=int, default=1150)
    parser.add_argument("--stop", type=int, help="end after this many steps of the schedule")
    parser.add_argument("--batches", type=int, default=2, help="micro-batches per step")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--warmup", type=int, default=40)
    parser.add_argument("--decay", type=float, default=0.4, help="share of steps with falling rate")
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--probes", type=int, default=40, help="held-out dialogues per kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    renderer = Renderer()
    if options.resume:
        model, rows = load(options.resume)
    else:
        rows = used_rows(renderer, 0)
        model = DemoModel(Config(len(rows)))
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(rows)} rows", flush=True)
    train(model, rows, renderer, options)


if __name__ == "__main__":
    main()
