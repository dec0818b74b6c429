"""Pieces that Chat Completions' answers and streams have in common."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gptoss_metal.events import FinishReason, Token, Usage
from gptoss_metal.harmony.vocabulary import Vocabulary
from gptoss_metal.server.streaming import sse

FINISH = {"cancelled": "stop"}
"""Finish reasons that OpenAI names differently."""


@dataclass(frozen=True)
class Stamp:
    """What all chunks of one answer repeat: its id, its time, and the model's name."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(16)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def body(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """A chunk or an answer."""
        stamp = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return {**stamp, "choices": choices, **more}


def event(body: dict[str, Any]) -> bytes:
    """A chunk as a server-sent event."""
    return sse(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def finish_reason(reason: FinishReason) -> str:
    """OpenAI's finish reason."""
    return FINISH.get(reason, reason)


def usage_body(usages: Sequence[Usage]) -> dict[str, Any]:
    """Usage of a request: its prompt once, and the tokens of all choices."""
    prompt = usages[0].prompt_tokens
    completion = sum(usage.completion_tokens for usage in usages)
    reasoning = sum(usage.reasoning_tokens for usage in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": usages[0].cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def logprobs_body(tokens: Iterable[Token], vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """Log-probabilities of tokens, as in ``choices[].logprobs.content``."""
    return [
        {
            **_alternative(token.id, token.logprob, vocabulary),
            "top_logprobs": [
                _alternative(id_, logprob, vocabulary) for id_, logprob in token.top_logprobs
            ],
        }
        for token in tokens
    ]


def json_logprob(value: float | None) -> float:
    """A log-probability that JSON can say: not minus infinity."""
    return max(value or 0.0, -9999.0)


def _alternative(id_: int, logprob: float | None, vocabulary: Vocabulary) -> dict[str, Any]:
    raw = vocabulary.token_bytes(id_)
    return {
        "token": vocabulary.text([id_]),
        "logprob": json_logprob(logprob),
        "bytes": list(raw) if raw else None,
    }
