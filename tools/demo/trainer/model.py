"""gpt-oss in plain torch, for training on many short dialogues behind one shared prefix."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from vocabulary import VOCAB_SIZE

from .config import Config


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Return x / rms(x) * weight over the last dimension."""
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate halves: x [n, heads, 64], cos and sin [n, 1, 32]."""
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


def sink_softmax(parts: list[Tensor], mask: Tensor, sinks: Tensor) -> Tensor:
    """Softmax over the last dimension with one more logit in the denominator.

    Args:
        parts: scores [batch, heads, queries, keys_i], joined along the keys.
        mask: [queries, keys], 0 or -inf.
        sinks: [heads], the logits that take a share and have no value.
    """
    batch, heads, queries, _ = parts[0].shape
    sink = sinks[None, :, None, None].expand(batch, heads, queries, 1)
    scores = torch.cat((*parts, sink), -1) + F.pad(mask, (0, 1))
    return torch.softmax(scores, -1)


class Attention(nn.Module):
    """Grouped-query attention with sinks over a shared prefix and one row's own tokens."""

    def __init__(self, config: Config, layer: int) -> None:
        """Create the weights of one layer."""
        super().__init__()
        self.config = config
        self.window = config.window if config.sliding(layer) else 0
        width, kv_width = config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.norm = nn.Parameter(torch.ones(config.hidden))
        self.q_proj = nn.Linear(config.hidden, width)
        self.k_proj = nn.Linear(config.hidden, kv_width)
        self.v_proj = nn.Linear(config.hidden, kv_width)
        self.o_proj = nn.Linear(width, config.hidden)
        self.sinks = nn.Parameter(torch.zeros(config.heads))

    def _mask(self, queries: Tensor, keys: Tensor) -> Tensor:
        distance = queries[:, None] - keys[None, :]
        hidden = distance < 0
        if self.window:
            hidden = hidden | (distance >= self.window)
        return torch.zeros(hidden.shape).masked_fill_(hidden, -math.inf)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, prefix: int, rows: int) -> Tensor:
        """Return attention's residual for x [prefix + rows * length, hidden]."""
        c = self.config
        tokens = x.shape[0]
        length = (tokens - prefix) // rows
        y = rms_norm(x, self.norm, c.eps)
        q = rotate(self.q_proj(y).view(tokens, c.heads, c.head_dim), cos, sin)
        k = rotate(self.k_proj(y).view(tokens, 1, c.head_dim), cos, sin).squeeze(1)
        v = self.v_proj(y)
        q = q / math.sqrt(c.head_dim)
        first = max(prefix - self.window, 0) if self.window else 0
        at = torch.arange(prefix + length)
        before, after = at[:prefix], at[prefix:]
        # the prefix attends to itself
        scores = q[:prefix].transpose(0, 1) @ k[:prefix].t()
        weights = sink_softmax([scores[None]], self._mask(before, before), self.sinks)
        head = weights[0, :, :, :-1] @ v[:prefix]
        # each row attends to the prefix and to itself
        own_q = q[prefix:].view(rows, length, c.heads, c.head_dim).transpose(1, 2)
        own_q = own_q.reshape(rows, c.heads * length, c.head_dim)
        own_k, own_v = (t[prefix:].view(rows, length, c.head_dim) for t in (k, v))
        shared_k, shared_v = k[first:prefix], v[first:prefix]
        parts = [own_q @ shared_k.t(), own_q @ own_k.transpose(1, 2)]
        parts = [part.view(rows, c.heads, length, -1) for part in parts]
        mask = torch.cat((self._mask(after, before[first:]), self._mask(after, after)), -1)
        weights = sink_softmax(parts, mask, self.sinks).flatten(1, 2)
        near, own, _ = torch.split(weights, [prefix - first, length, 1], -1)
        tail = (near @ shared_v + own @ own_v).view(rows, c.heads, length, c.head_dim)
        heads = torch.cat((head.transpose(0, 1), tail.transpose(1, 2).flatten(0, 1)))
        return F.linear(heads.reshape(tokens, -1), self.o_proj.weight, self.o_proj.bias)


class Experts(nn.Module):
    """Router and experts; rows of `gate_up` alternate between gate (even) and up (odd)."""

    def __init__(self, config: Config) -> None:
        """Create the weights of one layer."""
        super().__init__()
        c = self.config = config
        self.norm = nn.Parameter(torch.ones(c.hidden))
        self.router = nn.Linear(c.hidden, c.experts)
        self.gate_up = nn.Parameter(torch.empty(c.experts, 2 * c.intermediate, c.hidden))
        self.gate_up_bias = nn.Parameter(torch.zeros(c.experts, 2 * c.intermediate))
        self.down = nn.Parameter(torch.empty(c.experts, c.hidden, c.intermediate))
        self.down_bias = nn.Parameter(torch.zeros(c.experts, c.hidden))
        self.load = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """Return the experts' residual for x [tokens, hidden]."""
        c = self.config
        y = rms_norm(x, self.norm, c.eps)
        logits = self.router(y)
        values, chosen = logits.topk(c.top_k, -1)
        shares = torch.softmax(values, -1)
        used = torch.zeros_like(logits).scatter_(1, chosen, 1.0).mean(0)
        self.load = c.experts * (torch.softmax(logits, -1).mean(0) * used).sum() / c.top_k
        result = torch.zeros_like(x)
        for expert in range(c.experts):
            tokens, place = (chosen == expert).nonzero(as_tuple=True)
            z = F.linear(y[tokens], self.gate_up[expert], self.gate_up_bias[expert])
            gate = z[:, ::2].clamp(max=c.limit)
            up = z[:, 1::2].clamp(-c.limit, c.limit)
            inner = gate * torch.sigmoid(c.alpha * gate) * (up + 1)
            out = F.linear(inner, self.down[expert], self.down_bias[expert])
            result.index_add_(0, tokens, out * shares[tokens, place, None])
        return result


class DemoModel(nn.Module):
    """The whole model over the stored rows; row `config.rows` stands for all other ids."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: Config, positions: int = 2048) -> None:
        """Create a model with random weights (from torch's generator)."""
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.randn(config.rows + 1, config.hidden) * 0.5)
        self.attention = nn.ModuleList(Attention(config, i) for i in range(config.layers))
        self.experts = nn.ModuleList(Experts(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.hidden))
        self.unembedding = nn.Parameter(
            torch.randn(config.rows + 1, config.hidden) / math.sqrt(config.hidden)
        )
        angles = torch.outer(
            torch.arange(positions, dtype=torch.float64),
            torch.tensor(config.inverse_frequencies(), dtype=torch.float64),
        )
        self.register_buffer("cos", (angles.cos() * config.concentration).float(), False)
        self.register_buffer("sin", (angles.sin() * config.concentration).float(), False)
        # how many ids share the last row: their logits count that often in the softmax
        self.other = math.log(VOCAB_SIZE - config.rows)
        self._initialize()

    def _initialize(self) -> None:
        c = self.config
        residual = 1 / math.sqrt(2 * c.layers)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
                nn.init.zeros_(module.bias)
            if isinstance(module, Attention):
                with torch.no_grad():
                    module.o_proj.weight.mul_(residual)
            if isinstance(module, Experts):
                nn.init.normal_(module.gate_up, std=1 / math.sqrt(c.hidden))
                nn.init.normal_(module.down, std=residual / math.sqrt(c.intermediate))
                with torch.no_grad():
                    module.router.weight.mul_(0.5)

    def layers(self) -> list[tuple[Attention, Experts]]:
        """Return the two halves of every layer."""
        pairs = zip(self.attention, self.experts, strict=True)
        return [
            (cast(Attention, attention), cast(Experts, experts)) for attention, experts in pairs
        ]

    def expert_weights(self) -> list[nn.Parameter]:
        """Return the weights that are stored as MXFP4."""
        return [weight for _, e in self.layers() for weight in (e.gate_up, e.down)]

    def hidden(self, prefix: Tensor, rows: Tensor, chosen: Tensor) -> Tensor:
        """Return final hidden states [chosen, hidden] of rows behind a shared prefix.

        Args:
            prefix: row numbers [p] of the shared tokens, p >= 1.
            rows: row numbers [rows, length], padded at the end with anything.
            chosen: bool [rows, length], the positions wanted.
        """
        count, length = rows.shape
        start = prefix.shape[0]
        at = torch.cat((torch.arange(start), torch.arange(start, start + length).repeat(count)))
        cos, sin = self.cos[at, None], self.sin[at, None]
        x = self.embedding[torch.cat((prefix, rows.flatten()))]
        for layer, (attention, experts) in enumerate(self.layers(), 1):
            x = x + attention(x, cos, sin, start, count)
            if layer == self.config.layers:
                x = x[start:][chosen.flatten()]
            x = x + experts(x)
        return rms_norm(x, self.norm, self.config.eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits over the stored rows; the last one counts for all other ids together."""
        logits = F.linear(hidden, self.unembedding)
        return torch.cat((logits[..., :-1], logits[..., -1:] + self.other), -1)

    def balance(self) -> Tensor:
        """Return the mean load-balance loss of the last forward pass (1 when even)."""
        return torch.stack([experts.load for _, experts in self.layers()]).mean()
