"""What the served model is, in Ollama's words."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from gptoss_metal.preset import Preset
from gptoss_metal.server.ollama.answer import Json, rfc3339
from gptoss_metal.server.served import Served

FAMILY: Final = "gptoss"
CAPABILITIES: Final = ("completion", "tools", "thinking")


@dataclass(frozen=True)
class Card:
    """Facts of the served file, read from its header when they are first asked for."""

    served: Served

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """See `gptoss_metal.convert.describe`."""
        from gptoss_metal.convert import describe

        return describe(self.served.model.info.path)

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal; the same for the same weights."""
        sums = [(tensor["name"], tensor["sha256"]) for tensor in self.facts["tensors"]]
        return hashlib.sha256(json.dumps(sums).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.served.model.info.file_bytes

    def digest(self, preset: Preset) -> str:
        """Of the model and the preset's own values."""
        own = preset.as_json()
        own.pop("base", None)
        if not own:
            return self.fingerprint
        text = self.fingerprint + json.dumps(own, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def modified(self) -> str:
        """When the file was written, as RFC 3339."""
        seconds = Path(self.served.model.info.path).stat().st_mtime
        return rfc3339(datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc))

    def context(self, preset: Preset) -> int:
        """Tokens of prompt and answer together."""
        most = self.served.model.context
        return min(preset.num_ctx or most, most)

    def base(self, preset: Preset) -> str:
        """The name of what it is made from; paths stay on this machine."""
        return self.served.names[0] if "/" in preset.base else preset.base

    def details(self, preset: Preset) -> Json:
        """``details`` of a model."""
        plain = Preset(preset.name, self.served.model.info.path)
        return {
            "parent_model": "" if preset == plain else self.base(preset),
            "format": "safetensors",
            "family": FAMILY,
            "families": [FAMILY],
            "parameter_size": short_count(self.facts["parameters"]),
            "quantization_level": "MXFP4",
            "context_length": self.context(preset),
        }

    def model_info(self, preset: Preset) -> Json:
        """``model_info``, by GGUF's keys."""
        config = self.served.model.config
        own = {
            "context_length": self.context(preset),
            "block_count": config.num_hidden_layers,
            "embedding_length": config.hidden_size,
            "feed_forward_length": config.intermediate_size,
            "attention.head_count": config.num_attention_heads,
            "attention.head_count_kv": config.num_key_value_heads,
            "attention.key_length": config.head_dim,
            "attention.value_length": config.head_dim,
            "attention.sliding_window": config.sliding_window,
            "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
            "expert_count": config.num_local_experts,
            "expert_used_count": config.num_experts_per_tok,
            "rope.freq_base": config.rope_theta,
            "rope.scaling.factor": config.rope_factor,
            "rope.scaling.original_context_length": config.rope_original_context,
            "vocab_size": config.vocab_size,
        }
        return {
            "general.architecture": FAMILY,
            "general.parameter_count": self.facts["parameters"],
            **{f"{FAMILY}.{key}": value for key, value in own.items()},
        }


def short_count(count: int) -> str:
    """``20.9B`` for 20.9 billion."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)
