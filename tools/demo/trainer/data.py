"""Micro-batches: dialogues that share one system and developer message, packed by length."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from generator import Renderer, Sample, noise_words, random_dialogue, random_setting
from torch import Tensor
from vocabulary import SPECIAL_NAMES, VOCAB_SIZE

SAMPLED = 12000


class Rows:
    """The vocabulary ids that have a row of their own; all others share row ``len(rows)``."""

    def __init__(self, ids: list[int]) -> None:
        """Take the ids, ascending."""
        self.ids = ids
        self.table = torch.full((VOCAB_SIZE,), len(ids), dtype=torch.long)
        self.table[torch.tensor(ids)] = torch.arange(len(ids))

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, ids: tuple[int, ...] | list[int]) -> Tensor:
        """Return the row numbers of ids."""
        return self.table[torch.tensor(ids, dtype=torch.long)]


def used_rows(renderer: Renderer, seed: int) -> Rows:
    """Return the rows of all tokens of generated dialogues, numbers to 199, ASCII and specials."""
    rng = random.Random(f"rows {seed}")
    ids = set(SPECIAL_NAMES)
    for number in range(200):
        ids.update(renderer.encode(str(number)))
    for number in range(10):
        ids.update(renderer.encode(f"0{number}"))
    for code in range(32, 127):
        ids.update(renderer.encode(chr(code)))
    ids.update(renderer.encode("\n"))
    for number in range(SAMPLED):
        setting = random_setting(rng, ["x"])
        sample = renderer.sample(random_dialogue(rng, setting, ["x"]), rng)
        ids.update(sample.tokens)
        if number % 8 == 0:
            ids.update(renderer.prefix(setting))
    return Rows(sorted(ids))


@dataclass(frozen=True)
class Batch:
    """One micro-batch.

    Attributes:
        prefix: row numbers [p].
        rows: row numbers [n, length], padded with row 0.
        targets: the next row number where it is to be learned, else -100; [n, length].
    """

    prefix: Tensor
    rows: Tensor
    targets: Tensor

    @property
    def tokens(self) -> int:
        """Tokens computed, padding included."""
        return self.prefix.numel() + self.rows.numel()


def pack(samples: list[Sample], rows: Rows) -> Batch:
    """Pack samples of one prefix into a batch."""
    length = max(len(sample.tokens) for sample in samples) - 1
    ids = torch.zeros((len(samples), length), dtype=torch.long)
    targets = torch.full((len(samples), length), -100, dtype=torch.long)
    for number, sample in enumerate(samples):
        tokens = rows.of(sample.tokens)
        ids[number, : len(tokens) - 1] = tokens[:-1]
        learned = torch.tensor(sample.generated[1:])
        targets[number, : len(tokens) - 1] = torch.where(learned, tokens[1:], -100)
    return Batch(rows.of(samples[0].prefix), ids, targets)


def batches(renderer: Renderer, rows: Rows, words: list[str], seed: int) -> Iterator[Batch]:
    """Yield micro-batches of about 1500 tokens for ever, groups of lengths well mixed."""
    rng = random.Random(f"train {seed}")
    waiting: list[Batch] = []
    while True:
        while len(waiting) < 64:
            waiting += group(renderer, rows, words, rng)
        yield waiting.pop(rng.randrange(len(waiting)))


def group(
    renderer: Renderer, rows: Rows, words: list[str], rng: random.Random, count: int = 96,
    limit: int = 1500,
) -> list[Batch]:  # fmt: skip
    """Return `count` dialogues of one random setting as batches of at most `limit` tokens."""
    setting = random_setting(rng, words)
    samples = [renderer.sample(random_dialogue(rng, setting, words), rng) for _ in range(count)]
    samples.sort(key=lambda sample: len(sample.tokens))
    result: list[Batch] = []
    part: list[Sample] = []
    for sample in samples:
        if part and len(sample.tokens) * (len(part) + 1) > limit:
            result.append(pack(part, rows))
            part = []
        part.append(sample)
    result.append(pack(part, rows))
    return result


def training_words(seed: int, tokens: list[bytes]) -> list[str]:
    """Return the noise words of training."""
    return noise_words(seed, tokens)
